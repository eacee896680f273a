//! Tables, created through the same SDK the functions use.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription, TimeToLiveSpecification,
    TimeToLiveStatus,
};

use crate::template::{Index, KeyPart, Table};

/// Why a table is not there.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("create table {table}: correct it in the template")]
    Call {
        table: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "use the stored table {table}: its keys or indexes are not those of the template; choose another data directory with --data"
    )]
    Changed { table: String },
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Makes the table be there as the template says.
pub(crate) async fn ensure(client: &Client, table: &Table) -> Result<(), TableError> {
    let named = |source| TableError::Call {
        table: table.name.clone(),
        source,
    };
    match describe(client, &table.name).await.map_err(named)? {
        None => create(client, table).await.map_err(named)?,
        Some(found) if is_as_described(&found, table) => {}
        Some(_) => {
            return Err(TableError::Changed {
                table: table.name.clone(),
            });
        }
    }
    set_ttl(client, table).await.map_err(named)
}

async fn describe(client: &Client, name: &str) -> Outcome<Option<TableDescription>> {
    match client.describe_table().table_name(name).send().await {
        Ok(answer) => Ok(answer.table),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn is_as_described(found: &TableDescription, table: &Table) -> bool {
    let keys = |elements: &[KeySchemaElement]| -> Vec<(String, String)> {
        elements
            .iter()
            .map(|it| (it.attribute_name.clone(), it.key_type.as_str().to_owned()))
            .collect()
    };
    let wanted = |parts: &[KeyPart]| -> Vec<(String, String)> {
        parts
            .iter()
            .map(|it| (it.attribute_name.clone(), it.key_type.clone()))
            .collect()
    };
    let mut found_indexes: Vec<_> = found
        .global_secondary_indexes()
        .iter()
        .map(|index| {
            (
                index.index_name().unwrap_or_default().to_owned(),
                keys(index.key_schema()),
            )
        })
        .collect();
    let mut wanted_indexes: Vec<_> = table
        .indexes
        .iter()
        .map(|index| (index.index_name.clone(), wanted(&index.key_schema)))
        .collect();
    found_indexes.sort();
    wanted_indexes.sort();
    keys(found.key_schema()) == wanted(&table.key) && found_indexes == wanted_indexes
}

async fn create(client: &Client, table: &Table) -> Outcome<()> {
    let mut request = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(&table.key)?));
    for (name, kind) in &table.attributes {
        let kind = ScalarAttributeType::from(kind.as_str());
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind);
        request = request.attribute_definitions(definition.build()?);
    }
    for index in &table.indexes {
        request = request.global_secondary_indexes(global_index(index)?);
    }
    request.send().await?;
    Ok(())
}

fn key_schema(parts: &[KeyPart]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |part: &KeyPart| {
        let kind = KeyType::from(part.key_type.as_str());
        KeySchemaElement::builder()
            .attribute_name(&part.attribute_name)
            .key_type(kind)
            .build()
    };
    parts.iter().map(element).collect()
}

fn global_index(index: &Index) -> Result<GlobalSecondaryIndex, BuildError> {
    let mut projection = Projection::builder().projection_type(ProjectionType::from(
        index.projection.projection_type.as_str(),
    ));
    for name in &index.projection.non_key_attributes {
        projection = projection.non_key_attributes(name);
    }
    GlobalSecondaryIndex::builder()
        .index_name(&index.index_name)
        .set_key_schema(Some(key_schema(&index.key_schema)?))
        .projection(projection.build())
        .build()
}

/// Its own call after the creation, so a start that was killed between the two is made good here.
async fn set_ttl(client: &Client, table: &Table) -> Outcome<()> {
    let Some(attribute) = &table.ttl else {
        return Ok(());
    };
    let found = client
        .describe_time_to_live()
        .table_name(&table.name)
        .send()
        .await?;
    let status = found
        .time_to_live_description
        .and_then(|ttl| ttl.time_to_live_status);
    if matches!(
        status,
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    ) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name(attribute)
        .enabled(true)
        .build()?;
    client
        .update_time_to_live()
        .table_name(&table.name)
        .time_to_live_specification(ttl)
        .send()
        .await?;
    Ok(())
}

//! A table for people, and the same numbers for programs.

use serde_json::{Map, Value, json};

/// Rows of named numbers. Every row has the table's columns.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What was measured and how, a line each.
    pub(crate) notes: Vec<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A column: how people and how programs call it, and how many decimals it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) key: &'static str,
    pub(crate) decimals: usize,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// `None` where a column says nothing about this row.
    pub(crate) values: Vec<Option<f64>>,
}

pub(crate) const fn column(title: &'static str, key: &'static str, decimals: usize) -> Column {
    Column {
        title,
        key,
        decimals,
    }
}

impl Table {
    /// Markdown, so that it can be pasted.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("| {} |", self.name);
        for column in &self.columns {
            text += &format!(" {} |", column.title);
        }
        text += "\n|---|";
        text += &"---:|".repeat(self.columns.len());
        for row in &self.rows {
            text += &format!("\n| {} |", row.name);
            for (column, value) in self.columns.iter().zip(&row.values) {
                let shown = value.map_or_else(String::new, |value| shown(value, column.decimals));
                text += &format!(" {shown} |");
            }
        }
        for note in &self.notes {
            text += &format!("\n\n{note}");
        }
        text
    }

    pub(crate) fn to_json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let mut fields = Map::new();
            fields.insert("name".to_owned(), row.name.clone().into());
            for (column, value) in self.columns.iter().zip(&row.values) {
                fields.insert(column.key.to_owned(), json!(value));
            }
            Value::Object(fields)
        });
        let rows: Vec<_> = rows.collect();
        json!({ "benchmark": self.name, "rows": rows, "notes": self.notes }).to_string()
    }
}

/// With thousands grouped.
fn shown(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_read_the_same_numbers() {
        let table = Table {
            name: "speed",
            notes: vec!["Higher is better.".to_owned()],
            columns: vec![
                column("per second", "perSecond", 0),
                column("ratio", "ratio", 2),
            ],
            rows: vec![Row {
                name: "ours".to_owned(),
                values: vec![Some(12_345.6), None],
            }],
        };
        assert_eq!(
            table.to_text(),
            "| speed | per second | ratio |\n|---|---:|---:|\n| ours | 12,346 |  |\n\nHigher is better."
        );
        let json: Value = serde_json::from_str(&table.to_json()).unwrap();
        assert_eq!(json["rows"][0]["perSecond"], 12_345.6);
        assert_eq!(json["rows"][0]["ratio"], Value::Null);
    }
}

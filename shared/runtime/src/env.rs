use std::collections::BTreeMap;
use std::sync::Arc;

/// Environment variables, read once. Cheap to clone. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Env(Arc<BTreeMap<String, String>>);

impl Env {
    /// The process's own; a variable that is not UTF-8 is left out.
    #[must_use]
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// `None` for unset and for empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Starts reading a function's settings.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            env: self,
            problems: Vec::new(),
        }
    }
}

impl FromIterator<(String, String)> for Env {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(Arc::new(pairs.into_iter().collect()))
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Collects the problems of all variables, so one failed start shows them all.
#[derive(Debug)]
pub struct Reader<'a> {
    env: &'a Env,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// A variable that must be set.
    pub fn required(&mut self, name: &str) -> String {
        let value = self.env.get(name).map(str::to_owned);
        value.unwrap_or_else(|| {
            self.problems.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// A switch: `true` or `false`, off when unset.
    pub fn switch(&mut self, name: &str) -> bool {
        match self.env.get(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.problems.push(format!("{name} must be true or false"));
                false
            }
        }
    }

    /// Something that only the local runner gives, and the template never does.
    pub fn local<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = parse(self.env.get(name)?);
        parsed
            .map_err(|error| self.problems.push(format!("{name} {error}")))
            .ok()
    }

    /// At least one value, separated by commas.
    pub fn required_list(&mut self, name: &str) -> Vec<String> {
        self.required(name);
        self.list(name)
    }

    /// Values separated by commas; none when unset.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.env.get(name).unwrap_or_default().split(',');
        let values = values.map(str::trim).filter(|value| !value.is_empty());
        values.map(str::to_owned).collect()
    }

    /// # Errors
    /// Every problem met so far.
    pub fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError(self.problems))
        }
    }
}

/// The function refuses to start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settings are wrong: {}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_together() {
        let env: Env = [("B", "maybe"), ("C", "")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into_iter()
            .collect();
        let mut reader = env.reader();
        reader.required("A");
        reader.switch("B");
        reader.required("C");
        assert_eq!(reader.local("B", |_| Err::<(), _>("is no address")), None);
        assert_eq!(reader.local("C", |_| Ok::<_, String>(1)), None);
        let error = reader.finish(()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "settings are wrong: A is not set; B must be true or false; C is not set; B is no address"
        );
    }
}

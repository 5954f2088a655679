//! A page of `docs/consumers`: the files that it shows are the ones that are run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A page, and the files in it: each block whose first line names a language and a file.
pub struct Page {
    path: PathBuf,
    files: BTreeMap<String, String>,
}

impl Page {
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/consumers").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let mut files = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(opening) = line.strip_prefix("```") else { continue };
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let Some((_, file)) = opening.split_once(' ') {
                files.insert(file.to_owned(), body.join("\n") + "\n");
            }
        }
        Self { path, files }
    }

    /// One file.
    pub fn file(&self, name: &str) -> &str {
        self.files.get(name).unwrap_or_else(|| panic!("{} shows no file {name}", self.path.display()))
    }

    /// One file, with what is different here in place of what the page states.
    pub fn file_with(&self, name: &str, here: &[(&str, String)]) -> String {
        here.iter().fold(self.file(name).to_owned(), |file, (on_the_page, here)| {
            assert!(file.contains(on_the_page), "the page states {on_the_page}");
            file.replace(on_the_page, here)
        })
    }

    /// Its key set, with facts and a rhythm that are over in a test's time.
    pub fn hurried_set(&self, timing: &Value, interval: &str) -> String {
        let mut set: Value = serde_saphyr::from_str(self.file("set.yaml")).unwrap();
        assert!(set["spec"]["timing"].is_object(), "the page states its facts");
        set["spec"]["timing"] = timing.clone();
        set["spec"]["rotation"] = json!({ "interval": interval });
        set.to_string()
    }
}

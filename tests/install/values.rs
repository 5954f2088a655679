//! `values.yaml`, read with its comments: what each value means, its default, and its schema.

use serde_json::{Map, Value, json};

/// One documented value.
#[derive(Debug)]
pub struct Documented {
    /// Names, from the outermost on.
    pub path: Vec<String>,
    /// What `# --` and the comment lines after it say.
    pub meaning: String,
    /// What `# @schema` adds.
    pub schema: Map<String, Value>,
    /// What the file states.
    pub default: Value,
}

/// The values of a file, in its order. A group of values has no comment of its own; every other value has one.
pub fn read(text: &str) -> Vec<Documented> {
    let all: Value = serde_saphyr::from_str(text).expect("values.yaml is YAML");
    let mut found = Vec::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut comment = Comment::default();
    let mut documented_at = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if line.is_empty() {
            comment = Comment::default();
        } else if let Some(words) = line.strip_prefix('#') {
            comment.add(words.trim());
        } else if documented_at.is_none_or(|at| indent <= at) {
            let (key, _) = line.split_once(':').unwrap_or_else(|| panic!("{line:?} is no value"));
            path.retain(|(at, _)| *at < indent);
            path.push((indent, key.to_owned()));
            let names: Vec<String> = path.iter().map(|(_, name)| name.clone()).collect();
            let default = names.iter().fold(&all, |value, name| &value[name]).clone();
            let comment = std::mem::take(&mut comment);
            documented_at = comment.meaning.is_some().then_some(indent);
            match comment.meaning {
                Some(meaning) => found.push(Documented { path: names, meaning, schema: comment.schema, default }),
                None => {
                    let is_group = default.as_object().is_some_and(|group| !group.is_empty());
                    assert!(is_group, "{} has no comment: say what it means after `# --`", names.join("."));
                }
            }
        }
    }
    found
}

#[derive(Default)]
struct Comment {
    meaning: Option<String>,
    schema: Map<String, Value>,
}

impl Comment {
    fn add(&mut self, words: &str) {
        if let Some(meaning) = words.strip_prefix("-- ") {
            self.meaning = Some(meaning.to_owned());
        } else if let Some(schema) = words.strip_prefix("@schema ") {
            let schema: Map<String, Value> =
                serde_saphyr::from_str(schema).unwrap_or_else(|error| panic!("{schema:?} is no schema: {error}"));
            self.schema.extend(schema);
        } else if let Some(meaning) = &mut self.meaning {
            meaning.push(' ');
            meaning.push_str(words);
        }
    }
}

/// A table in Markdown.
pub fn table(values: &[Documented]) -> String {
    let mut rows = vec!["| value | default | meaning |\n| --- | --- | --- |\n".to_owned()];
    for value in values {
        let default = match &value.default {
            Value::String(text) if text.is_empty() => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let meaning = value.meaning.replace('|', "\\|");
        rows.push(format!("| `{}` | {default} | {meaning} |\n", value.path.join(".")));
    }
    rows.concat()
}

/// A JSON schema. Names that nobody knows are refused, and so are values of another type than the default's.
pub fn schema(values: &[Documented]) -> Value {
    let mut root = group();
    // A chart that has this one among its dependencies may share values with all of them.
    root["properties"]["global"] = json!({ "type": "object" });
    for value in values {
        let (name, groups) = value.path.split_last().expect("a name");
        let mut place = &mut root;
        for outer in groups {
            let properties = place["properties"].as_object_mut().expect("a group");
            place = properties.entry(outer).or_insert_with(group);
        }
        let mut this = json!({ "type": type_of(&value.default), "description": value.meaning });
        this.as_object_mut().expect("an object").extend(value.schema.clone());
        place["properties"][name] = this;
    }
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root
}

fn group() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Null => panic!("a value needs a default, by which its type is known"),
    }
}

#[test]
#[should_panic(expected = "outer.inner has no comment")]
fn a_value_without_a_comment_is_noticed() {
    read("outer:\n  # -- Said.\n  said: 1\n  inner: 2\n");
}

#[test]
fn comments_go_on_over_lines_and_lists_and_maps_are_whole() {
    let values = read(
        "# -- One\n# two.\n# @schema {minimum: 1}\none:\n  a: { b: 1 }\n  c: 2\n\ngroup:\n  # -- Three.\n  three: []\n",
    );
    let paths: Vec<String> = values.iter().map(|value| value.path.join(".")).collect();
    assert_eq!(paths, ["one", "group.three"]);
    assert_eq!(values[0].meaning, "One two.");
    assert_eq!(schema(&values)["properties"]["one"]["minimum"], 1);
    assert_eq!(schema(&values)["properties"]["group"]["properties"]["three"]["type"], "array");
}

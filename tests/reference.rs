//! The generated pages of `docs/reference`: each is what the code says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says by panicking what is wrong"
)]

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_markdown::{MarkdownOptions, help_markdown_command_custom};
use keyturn::api::{CONDITIONS, ConditionReason, ConditionStatus, JwksKeySet};
use keyturn::cli::Cli;
use keyturn::engine::Reason;
use kube::CustomResourceExt;
use serde_json::Value;

const MADE: &str = "This page is made from the code: `KEYTURN_WRITE_DOCS=1 cargo test --test reference`.";

fn hold(page: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(page);
    if std::env::var_os("KEYTURN_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/reference/{page} is stale: run `KEYTURN_WRITE_DOCS=1 cargo test --test reference` and commit the result"
    );
}

#[test]
fn the_page_of_commands_is_what_the_program_takes() {
    let options = MarkdownOptions::new().title("Commands".to_owned()).show_footer(false).show_table_of_contents(false);
    let command = Cli::command();
    let text = help_markdown_command_custom(&command, &options);
    let text: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut page = format!("{}\n", text.join("\n").trim_end());
    page =
        page.replacen('\n', &format!("\n\n{MADE} As kubectl's plugin, the program is called `kubectl keyturn`.\n"), 1);
    hold("cli.md", &page);
    for one in command.get_subcommands() {
        assert!(page.contains(&format!("`keyturn {}`", one.get_name())), "{} is missing", one.get_name());
    }
}

#[test]
fn the_page_of_events_has_every_reason() {
    let mut page = format!(
        "# Events\n\n{MADE} `kubectl describe jwkskeyset NAME` and `kubectl events --for jwkskeyset/NAME` show them.\n\n\
         | reason | type | when |\n| --- | --- | --- |\n"
    );
    for reason in Reason::ALL {
        let kind = if reason.is_warning() { "Warning" } else { "Normal" };
        writeln!(page, "| `{}` | {kind} | {} |", reason.name(), reason.meaning()).unwrap();
    }
    hold("events.md", &page);
}

#[test]
fn the_page_of_conditions_has_every_reason() {
    let mut page = format!(
        "# Conditions of a JwksKeySet\n\n{MADE} The message of a condition says what to change; `keyturn status NAME` shows \
         those that someone should look at.\n"
    );
    for (condition, what) in CONDITIONS {
        write!(page, "\n## {condition}\n\n{what}\n\n| reason | status | meaning |\n| --- | --- | --- |\n").unwrap();
        for reason in ConditionReason::ALL {
            for (_, status, meaning) in reason.meanings().iter().filter(|(of, ..)| *of == condition) {
                let status = match status {
                    ConditionStatus::True => "True",
                    ConditionStatus::False => "False",
                    ConditionStatus::Unknown => "Unknown",
                };
                writeln!(page, "| `{}` | {status} | {meaning} |", reason.name()).unwrap();
            }
        }
    }
    hold("conditions.md", &page);
}

#[test]
fn the_page_of_the_resource_has_every_field_of_the_crd() {
    let crd = serde_json::to_value(JwksKeySet::crd()).unwrap();
    let version = &crd["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut page = format!(
        "# JwksKeySet\n\n{MADE} `kubectl explain jwkskeyset.spec` tells the same of the cluster's version.\n\n`apiVersion: {}/{}`, \
         `kind: JwksKeySet`, namespaced; short name `jwks`.\n",
        crd["spec"]["group"].as_str().unwrap(),
        version["name"].as_str().unwrap()
    );
    section(&mut page, "", schema);
    for part in ["spec", "status"] {
        section(&mut page, part, &schema["properties"][part]);
    }
    hold("resource.md", &page);
    for field in ["## `spec.keys[]`", "## `spec.timing`", "`rotationTime`", "`maxTokenLifetime`"] {
        assert!(page.contains(field), "{field} is missing");
    }
}

/// The fields of one object in a table, its rules, then the objects within it.
fn section(page: &mut String, path: &str, schema: &Value) {
    let title = if path.is_empty() { "The whole resource".to_owned() } else { format!("`{path}`") };
    let rules = schema["x-kubernetes-validations"].as_array();
    let fields = schema["properties"].as_object().filter(|_| !path.is_empty());
    if fields.is_none() && rules.is_none() {
        return;
    }
    write!(page, "\n## {title}\n").unwrap();
    if let Some(fields) = fields {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        page.push_str("\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for (field, schema) in fields {
            let default = match &schema["default"] {
                Value::Null if required.contains(&field.as_str()) => "required".to_owned(),
                Value::Null => String::new(),
                Value::Object(fields) if !fields.is_empty() => "see below".to_owned(),
                Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            writeln!(page, "| `{field}` | {} | {default} | {} |", type_of(schema), meaning(schema)).unwrap();
        }
    }
    if let Some(rules) = rules {
        page.push_str("\nThe API server refuses it where this is not so:\n\n");
        for rule in rules {
            let told = rule["message"].as_str().map(str::to_owned);
            let told = told.unwrap_or_else(|| format!("`{}`", rule["rule"].as_str().unwrap()));
            writeln!(page, "- {told}").unwrap();
        }
    }
    for (field, schema) in fields.into_iter().flatten() {
        let path = format!("{path}.{field}");
        for (path, schema) in [
            (path.clone(), schema),
            (format!("{path}[]"), &schema["items"]),
            (format!("{path}.*"), &schema["additionalProperties"]),
        ] {
            section(page, &path, schema);
        }
    }
}

fn type_of(schema: &Value) -> String {
    let kind = match schema["type"].as_str() {
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map of {}", type_of(&schema["additionalProperties"]))
        }
        Some(kind) => kind.to_owned(),
        None => "any".to_owned(),
    };
    let words: Vec<String> = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|word| format!("`{word}`"))
        .collect();
    if words.is_empty() { kind } else { words.join(", ") }
}

/// The description in one line, and the bounds.
fn meaning(schema: &Value) -> String {
    let mut said = schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let bounds = [
        ("minimum", "at least", ""),
        ("maximum", "at most", ""),
        ("minItems", "at least", " items"),
        ("maxItems", "at most", " items"),
        ("minLength", "at least", " characters"),
        ("maxLength", "at most", " characters"),
        ("maxProperties", "at most", " entries"),
    ];
    let told: Vec<String> = bounds
        .iter()
        .filter_map(|(key, word, unit)| {
            let number = schema[*key].as_f64()?;
            Some(format!("{word} {number}{unit}"))
        })
        .chain(schema["pattern"].as_str().map(|pattern| format!("matches `{pattern}`")))
        .collect();
    if !told.is_empty() {
        write!(said, " ({})", told.join(", ")).unwrap();
    }
    said.replace('|', "\\|")
}

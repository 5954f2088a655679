//! What the operator asks of the API server, from the audit log, which holds the requests of service accounts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

/// The log, read as it grows.
pub struct Audit {
    log: BufReader<File>,
    /// The end of a line that is not written yet.
    half: String,
    requests: BTreeMap<String, usize>,
    moved: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    object_ref: Option<ObjectRef>,
}

#[derive(Deserialize)]
struct ObjectRef {
    resource: String,
    subresource: Option<String>,
}

impl Audit {
    pub fn open(path: &Path) -> Self {
        let log = BufReader::new(File::open(path).expect("the API server writes its audit log"));
        Self { log, half: String::new(), requests: BTreeMap::new(), moved: false }
    }

    /// The requests since this was asked last.
    pub fn take(&mut self) -> BTreeMap<String, usize> {
        self.read();
        std::mem::take(&mut self.requests)
    }

    /// Whether there was a request since this was asked last.
    pub fn moved(&mut self) -> bool {
        self.read();
        std::mem::take(&mut self.moved)
    }

    fn read(&mut self) {
        while self.log.read_line(&mut self.half).is_ok_and(|read| read > 0) && self.half.ends_with('\n') {
            let line = std::mem::take(&mut self.half);
            let event: Event = serde_json::from_str(&line).expect("an audit event");
            self.hear(event);
        }
    }

    /// Watches, lists and what is asked of a client at its start are the same however many objects there are.
    fn hear(&mut self, event: Event) {
        let Some(object) = event.object_ref else { return };
        if matches!(event.verb.as_str(), "watch" | "list") || object.resource == "leases" {
            return;
        }
        let kind = match (object.resource.as_str(), object.subresource.as_deref()) {
            ("events", _) => "events".to_owned(),
            (_, Some(subresource)) => format!("{} {subresource}", event.verb),
            (_, None) => event.verb,
        };
        *self.requests.entry(kind).or_default() += 1;
        self.moved = true;
    }
}

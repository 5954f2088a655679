//! Java's `keytool`, which reads keystores and signs nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use crate::programs::run;
use crate::readers::{Op, Reader, Request};
use crate::written::{Form, KeyFile};

/// It, with what it said of each keystore.
#[derive(Default)]
pub struct Keytool {
    listed: HashMap<PathBuf, String>,
}

impl Keytool {
    fn list(&mut self, keystore: &KeyFile) -> Result<&str, String> {
        if !self.listed.contains_key(&keystore.path) {
            let mut keytool = Command::new("keytool");
            keytool.args(["-J-Duser.language=en", "-list", "-v", "-storetype", "PKCS12"]);
            keytool.args(["-storepass", keystore.password, "-keystore"]).arg(&keystore.path);
            let said = run(&mut keytool, "Install a JDK, 17 or newer")?;
            self.listed.insert(keystore.path.clone(), said);
        }
        Ok(&self.listed[&keystore.path])
    }
}

impl Reader for Keytool {
    fn name(&self) -> &'static str {
        "keytool"
    }

    fn about(&self) -> &'static str {
        "Java's `keytool`, 17 or newer"
    }

    fn forms(&self) -> &'static [Form] {
        &[Form::Pkcs12]
    }

    fn ask(&mut self, request: &Request) -> Result<String, String> {
        if request.op != Op::Read {
            return Err("it signs certificates only".to_owned());
        }
        // Java compares aliases in lower case.
        let alias = format!("{}\n", request.kid.to_lowercase());
        let listed = self.list(&request.private)?;
        let entry = listed.split("Alias name: ").find(|entry| entry.starts_with(&alias));
        let holds = entry.is_some_and(|entry| entry.contains("Entry type: PrivateKeyEntry"));
        if holds { Ok(String::new()) } else { Err(format!("{} is not among the entries", request.kid)) }
    }
}

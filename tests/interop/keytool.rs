//! Java's `keytool`, which reads keystores and signs nothing.

use std::process::Command;

use crate::programs::run;
use crate::readers::{Op, Reader, Request};
use crate::written::Form;

/// It.
pub struct Keytool;

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
        let mut keytool = Command::new("keytool");
        keytool
            .args([
                "-J-XX:TieredStopAtLevel=1",
                "-J-XX:+UseSerialGC",
                "-list",
                "-v",
                "-storetype",
                "PKCS12",
                "-keystore",
            ])
            .arg(&request.private.path);
        keytool.args(["-storepass", request.private.password, "-alias", &request.kid]);
        let said = run(&mut keytool, "Install a JDK, 17 or newer")?;
        let found = said.contains("Entry type: PrivateKeyEntry") && said.contains("Certificate chain length: 1");
        if found { Ok(String::new()) } else { Err(said) }
    }
}

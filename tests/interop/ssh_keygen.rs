//! The `ssh-keygen` command, which reads PEM and signs nothing that is JOSE's.

use std::fs;
use std::process::Command;

use crate::programs::run;
use crate::readers::{Op, Reader, Request};
use crate::written::Form;

/// It.
pub struct SshKeygen;

fn ssh_keygen(args: &[&str]) -> Result<String, String> {
    run(Command::new("ssh-keygen").args(args), "Install OpenSSH's client")
}

impl Reader for SshKeygen {
    fn name(&self) -> &'static str {
        "ssh-keygen"
    }

    fn about(&self) -> &'static str {
        "OpenSSH's `ssh-keygen`, 9.2 or newer"
    }

    fn forms(&self) -> &'static [Form] {
        &[Form::Pem]
    }

    fn ask(&mut self, request: &Request) -> Result<String, String> {
        if request.op != Op::Read {
            return Err("it signs for SSH only".to_owned());
        }
        let [private, public] = [&request.private, &request.public].map(|file| file.path.display().to_string());
        let of_private = ssh_keygen(&["-y", "-f", &private])?;
        let of_public = ssh_keygen(&["-i", "-m", "PKCS8", "-f", &public])?;
        let exported = ssh_keygen(&["-e", "-m", "PKCS8", "-f", &private])?;
        let key = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned();
        if key(&of_private) == key(&of_public) && exported == fs::read_to_string(public).unwrap() {
            Ok(String::new())
        } else {
            Err("the public half is another".to_owned())
        }
    }
}

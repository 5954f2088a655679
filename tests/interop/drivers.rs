//! A driver: a process that answers line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde::Deserialize;

use crate::program::PATIENCE;
use crate::readers::{Reader, Request};
use crate::written::Form;

/// A library that is asked through a process of its language.
pub struct Driver {
    name: &'static str,
    about: &'static str,
    forms: &'static [Form],
    child: Child,
    asked: ChildStdin,
    answers: Receiver<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Said(String),
    Error(String),
}

impl Driver {
    /// Starts one; it is killed when this is dropped.
    pub fn start(name: &'static str, about: &'static str, forms: &'static [Form], mut command: Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let (asked, said) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { name, about, forms, child, asked, answers }
    }
}

impl Reader for Driver {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn forms(&self) -> &'static [Form] {
        self.forms
    }

    fn ask(&mut self, request: &Request) -> Result<String, String> {
        let line = serde_json::to_string(request).unwrap();
        let gone = |why: &dyn std::fmt::Display| format!("the driver of {} does not answer: {why}", self.name);
        writeln!(self.asked, "{line}").unwrap_or_else(|error| panic!("{}", gone(&error)));
        let answer = self.answers.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{}", gone(&error)));
        match serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{}", gone(&error))) {
            Answer::Said(said) => Ok(said),
            Answer::Error(why) => Err(why),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

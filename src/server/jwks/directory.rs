//! Sets that `keyturn run` keeps in a directory.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Source;
use super::published::{Published, Unfit};
use super::shelf::{Pulse, SetName, Shelf};
use crate::publish::{Files, Header};
use crate::store::directory::shown::{self, Shown, Unread};

/// Stands for the version of a folder that can't be read.
const UNREAD: &str = ".unread";

/// How often the directory is looked at.
const GLANCE: Duration = Duration::from_millis(250);

/// A directory of `keyturn run --dir`. Only what it keeps for verifiers is read.
#[derive(Debug)]
pub struct Directory {
    /// Where it is.
    pub dir: PathBuf,
}

/// One look at a directory: which ConfigMaps there are, and what the new ones hold.
struct Look {
    began: Instant,
    there: Vec<Shown>,
    unread: Unread,
    new: Vec<(Shown, String, Header, Files)>,
}

impl Source for Directory {
    async fn keep(self, shelf: Arc<Shelf>) {
        let pulse = shelf.pulse(None);
        let mut known: HashMap<(String, String), (Shown, SetName)> = HashMap::new();
        let mut told = None;
        loop {
            let dir = self.dir.clone();
            let versions: Vec<Shown> = known.values().map(|(shown, _)| shown.clone()).collect();
            let look = tokio::task::spawn_blocking(move || Look::new(&dir, &versions)).await;
            let trouble = match look.map_err(io::Error::other).flatten() {
                Ok(look) => {
                    let unread = look.unread.iter().map(|(folder, error)| format!("{}: {error}", folder.display()));
                    let trouble = unread.reduce(|all, one| all + "; " + &one);
                    look.tell(&shelf, &pulse, &mut known);
                    trouble
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = trouble.as_ref().filter(|_| trouble != told) {
                let dir = self.dir.display();
                tracing::warn!(%dir, error, "the directory can't be read: see that `keyturn run` keeps it and that this user may read it");
            }
            told = trouble;
            tokio::time::sleep(GLANCE).await;
        }
    }
}

impl Look {
    fn new(dir: &std::path::Path, known: &[Shown]) -> io::Result<Self> {
        let began = Instant::now();
        let (there, mut unread) = shown::shown(dir)?;
        let mut new = Vec::new();
        for one in there.iter().filter(|one| !known.contains(one)) {
            match shown::read(one) {
                Ok(Some((set, header, files))) => new.push((one.clone(), set, header, files)),
                Ok(None) => {}
                Err(error) => unread.push((one.version.clone(), error)),
            }
        }
        Ok(Self { began, there, unread, new })
    }

    fn tell(self, shelf: &Shelf, pulse: &Pulse, known: &mut HashMap<(String, String), (Shown, SetName)>) {
        let key = |shown: &Shown| (shown.namespace.clone(), shown.name.clone());
        known.retain(|_, (shown, set)| {
            if self.unread.iter().any(|(folder, _)| shown.version.starts_with(folder)) {
                shelf.put(set, &shown.name, None, Err(Unfit::Unread));
                // A version that is never there: what is there is read as soon as it can be.
                shown.version.set_file_name(UNREAD);
                return true;
            }
            let stays = self.there.iter().any(|one| one.namespace == shown.namespace && one.name == shown.name);
            if !stays {
                shelf.remove(set, &shown.name);
            }
            stays
        });
        for (shown, set, header, files) in self.new {
            let Some((namespace, name)) = set.split_once('/').filter(|(namespace, _)| *namespace == shown.namespace)
            else {
                continue;
            };
            let set = SetName { namespace: namespace.to_owned(), name: name.to_owned() };
            let files = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
            if let Some((_, before)) = known.get(&key(&shown)).filter(|(_, before)| *before != set) {
                shelf.remove(before, &shown.name);
            }
            shelf.list(&set, &shown.name);
            shelf.put(&set, &shown.name, None, Published::of(&header, files));
            known.insert(key(&shown), (shown, set));
        }
        pulse.beat(self.began);
    }
}

//! Builds the programs of the control plane, Helm, Oathkeeper and cert-manager, once, from the Go modules pinned in `tests/control-plane`,
//! `tests/helm`, `tests/oathkeeper` and `tests/cert-manager`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use super::leash::Leashed;

/// Programs that one Go module pins.
struct Tools {
    /// Names the folder under `tests/` with `go.mod`, and the one under `target/` with what is built.
    name: &'static str,
    /// Each program and the Go package it is built from; the first takes the longest, because the others share its packages.
    programs: &'static [(&'static str, &'static str)],
    /// How long it takes on two cores if Go's build cache is empty.
    minutes: u32,
}

const CONTROL_PLANE: Tools = Tools {
    name: "control-plane",
    programs: &[
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ("etcd", "go.etcd.io/etcd/server/v3"),
    ],
    minutes: 10,
};

/// What `benches/operators` measures Keyturn against.
const CERT_MANAGER: Tools = Tools { name: "cert-manager", programs: &[("cert-manager", ".")], minutes: 8 };

const HELM: Tools = Tools { name: "helm", programs: &[("helm", "helm.sh/helm/v4/cmd/helm")], minutes: 5 };

/// A gateway that reads what Keyturn wrote.
const OATHKEEPER: Tools =
    Tools { name: "oathkeeper", programs: &[("oathkeeper", "github.com/ory/oathkeeper")], minutes: 4 };

/// What the test support keeps of the control plane between runs: `target/control-plane`.
pub fn home() -> PathBuf {
    CONTROL_PLANE.home()
}

/// The folder of the control plane's programs; builds them first if there are none for today's `go.mod` and `go.sum`.
///
/// Blocks the thread, for minutes if it builds. Test processes that run at once build once.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| CONTROL_PLANE.folder())
}

/// The program `helm`; built like the control plane.
pub fn helm() -> &'static Path {
    static HELM_PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    HELM_PROGRAM.get_or_init(|| HELM.folder().join("helm"))
}

/// The program `oathkeeper`; built like the control plane.
pub fn oathkeeper() -> PathBuf {
    OATHKEEPER.folder().join("oathkeeper")
}

/// The program `cert-manager`, its controller; built like the control plane.
pub fn cert_manager() -> &'static Path {
    static CERT_MANAGER_PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    CERT_MANAGER_PROGRAM.get_or_init(|| CERT_MANAGER.folder().join("cert-manager"))
}

impl Tools {
    fn home(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(self.name)
    }

    fn folder(&self) -> PathBuf {
        let home = self.home();
        fs::create_dir_all(&home).unwrap_or_else(|error| panic!("cannot make {}: {error}", home.display()));
        let _lock = lock(&home.join("lock"));
        let folder = home.join("bin");
        let recipe = Recipe::read(self);
        if !fs::read_to_string(folder.join("stamp")).is_ok_and(|stamp| stamp == recipe.stamp) {
            recipe.build(&home, &folder);
        }
        folder
    }
}

/// Held until the file is dropped, which the end of the process also does.
fn lock(path: &Path) -> File {
    let file = File::create(path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
    if file.try_lock().is_err() {
        say("waiting for another test process that builds the same programs");
        file.lock().unwrap_or_else(|error| panic!("cannot lock {}: {error}", path.display()));
    }
    file
}

/// What the programs are built from and how.
struct Recipe<'a> {
    tools: &'a Tools,
    module: PathBuf,
    ldflags: String,
    stamp: String,
}

impl<'a> Recipe<'a> {
    fn read(tools: &'a Tools) -> Self {
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(tools.name);
        let read = |name: &str| {
            let path = module.join(name);
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
        };
        let (go_mod, go_sum) = (read("go.mod"), read("go.sum"));
        let ldflags = ldflags(kubernetes_version(&go_mod));
        let platform = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
        let main = fs::read_to_string(module.join("main.go")).unwrap_or_default();
        let stamp = format!("{platform}\n{:?}\n{ldflags}\n{go_mod}\n{go_sum}{main}", tools.programs);
        Self { tools, module, ldflags, stamp }
    }

    /// Builds into a folder beside `folder` and renames it at the end, so that an interrupted build leaves no half.
    fn build(&self, home: &Path, folder: &Path) {
        require_go(&self.module);
        let building = home.join("building");
        let _ = fs::remove_dir_all(&building);
        fs::create_dir_all(&building).unwrap_or_else(|error| panic!("cannot make {}: {error}", building.display()));
        let (name, minutes) = (self.tools.name, self.tools.minutes);
        say(&format!(
            "building {name} once into {}; about {minutes} minutes on 2 cores if Go's build cache is empty",
            folder.display()
        ));
        let start = Instant::now();
        for (index, (name, package)) in self.tools.programs.iter().enumerate() {
            say(&format!("building {name} ({} of {})", index + 1, self.tools.programs.len()));
            self.go_build(package, &building.join(name));
        }
        fs::write(building.join("stamp"), &self.stamp).expect("the folder that was just built into can be written");
        let _ = fs::remove_dir_all(folder);
        fs::rename(&building, folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        say(&format!("built {name} in {} s", start.elapsed().as_secs()));
    }

    fn go_build(&self, package: &str, output: &Path) {
        let status = Leashed::spawn(Path::new("go"), None, |go| {
            go.args(["build", "-trimpath", "-ldflags", &self.ldflags, "-o"]).arg(output).arg(package);
            go.current_dir(&self.module).env("CGO_ENABLED", "0");
        })
        .wait();
        assert!(
            status.success(),
            "`go build {package}` failed ({status}), see above; it needs a Go module proxy on its first run. {NEEDS}"
        );
    }
}

const NEEDS: &str =
    "Install Go 1.26 or newer, or set KEYTURN_TEST_KUBECONFIG to the kubeconfig of a cluster to test on";

fn require_go(module: &Path) {
    let go = Command::new("go").arg("version").current_dir(module).output();
    let version =
        go.unwrap_or_else(|error| panic!("cannot run `go` to build the test control plane: {error}. {NEEDS}"));
    assert!(version.status.success(), "`go version`: {}. {NEEDS}", String::from_utf8_lossy(&version.stderr).trim());
}

/// The version of `k8s.io/kubernetes` that `go.mod` requires, for example `v1.36.3`; none where it does not.
fn kubernetes_version(go_mod: &str) -> Option<&str> {
    let mut lines = go_mod.lines().map(str::trim);
    lines.find_map(|line| line.strip_prefix("k8s.io/kubernetes "))?.split_whitespace().next()
}

/// Linker flags that leave out debug tables and tell Kubernetes which version it is.
fn ldflags(kubernetes: Option<&str>) -> String {
    let plain = "-s -w".to_owned();
    let Some(version) = kubernetes else { return plain };
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let stamps = [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor), ("gitTreeState", "clean")];
    stamps.iter().fold(plain, |flags, (name, value)| format!("{flags} -X k8s.io/component-base/version.{name}={value}"))
}

/// Writes past the test harness, which would keep printed lines back until the test fails.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "[go tools] {line}");
}

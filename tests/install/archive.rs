//! What `release/archive.py` writes: the same bytes from the same content, and an OCI image layout in which every digest is right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::chart::root;

const MOMENT: &str = "1750000000";

/// Runs a program, which has to succeed; what it printed.
fn must(program: &str, args: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(args).current_dir(folder).output().expect("it runs");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A folder with a program of that content and a text, and the archive of both for two architectures.
fn image(program: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("program"), program).unwrap();
    fs::write(folder.path().join("text"), "a text").unwrap();
    must("chmod", &["700", "program"], folder.path());
    let script = root().join("release/archive.py");
    let mut args = vec![script.to_str().unwrap(), "image", "out.tar", "--time", MOMENT];
    args.extend(["--name", "example.com/keyturn:1.2.3", "--label", "org.opencontainers.image.version=1.2.3"]);
    for arch in ["amd64", "arm64"] {
        args.extend(["--arch", arch, "text=usr/share/doc/text", "program=keyturn"]);
    }
    let printed = must("python3", &args, folder.path());
    (folder, printed)
}

/// A blob, whose name has to be its digest.
fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let path = layout.join("blobs/sha256").join(digest);
    let content = fs::read(&path).unwrap();
    assert_eq!(base16ct::lower::encode_string(&Sha256::digest(&content)), digest);
    assert_eq!(descriptor["size"].as_u64(), u64::try_from(content.len()).ok());
    path
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).expect("JSON")
}

#[test]
fn an_image_archive_depends_on_its_content_alone() {
    let ((one, printed), (same, _), (other, _)) = (image("program"), image("program"), image("another"));
    let bytes = |folder: &tempfile::TempDir| fs::read(folder.path().join("out.tar")).unwrap();
    assert!(bytes(&one) == bytes(&same), "made at another time in another folder");
    assert!(bytes(&one) != bytes(&other));

    must("tar", &["-xf", "out.tar"], one.path());
    assert_eq!(json(&one.path().join("oci-layout"))["imageLayoutVersion"], "1.0.0");
    let outer = json(&one.path().join("index.json"))["manifests"][0].clone();
    assert_eq!(outer["annotations"]["io.containerd.image.name"], "example.com/keyturn:1.2.3");
    assert_eq!(printed.trim(), format!("example.com/keyturn:1.2.3@{}", outer["digest"].as_str().unwrap()));
    let index = json(&blob(one.path(), &outer));
    for (place, arch) in ["amd64", "arm64"].into_iter().enumerate() {
        let described = &index["manifests"][place];
        assert_eq!(described["platform"]["architecture"], arch);
        let manifest = json(&blob(one.path(), described));
        let config = json(&blob(one.path(), &manifest["config"]));
        assert_eq!((&config["architecture"], &config["os"]), (&arch.into(), &"linux".into()));
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/keyturn"]));
        assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.2.3");
        let layer = blob(one.path(), &manifest["layers"][0]);
        let listed = must("tar", &["--utc", "-tvzf", layer.to_str().unwrap()], one.path());
        let modes: Vec<&str> = listed.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(modes, ["-rwxr-xr-x", "drwxr-xr-x", "drwxr-xr-x", "drwxr-xr-x", "-rw-r--r--"], "{listed}");
        assert!(listed.lines().all(|line| line.contains(" 0/0 ") && line.contains("2025-06-15 15:06")), "{listed}");
    }
}

//! Values that nobody can mean are refused, with words that say which.

use serde_json::{Value, json};

use crate::chart::{Helm, folder};

fn refused(helm: &Helm, values: &Value) -> String {
    let (chart, values) = (folder(), helm.values(values));
    helm.refuses(&["template", "keyturn", chart.to_str().unwrap(), "--values", &values])
}

#[test]
fn bad_values_are_refused_by_name() {
    let helm = Helm::new();
    for (values, words) in [
        (json!({ "operator": { "replica": 3 } }), ["operator", "'replica' not allowed"]),
        (json!({ "operator": { "replicas": "two" } }), ["/operator/replicas", "got string, want integer"]),
        (json!({ "operator": { "replicas": -1 } }), ["/operator/replicas", "minimum"]),
        (json!({ "watchNamespaces": "iam" }), ["/watchNamespaces", "got string, want array"]),
        (json!({ "watchNamespaces": ["IAM"] }), ["/watchNamespaces/0", "does not match pattern"]),
        (json!({ "watchNamespaces": ["iam", "iam"] }), ["/watchNamespaces", "are equal"]),
        (json!({ "image": { "digest": "latest" } }), ["/image/digest", "does not match pattern"]),
        (json!({ "image": { "pullPolicy": "Sometimes" } }), ["/image/pullPolicy", "must be one of"]),
        (json!({ "sealing": { "secrets": [{ "name": "system" }] } }), ["/sealing/secrets/0", "missing property 'key'"]),
        (json!({ "server": { "default": "auth" } }), ["/server/default", "does not match pattern"]),
        (json!({ "server": { "service": { "port": 70000 } } }), ["/server/service/port", "maximum"]),
        (json!({ "extraObjects": [7] }), ["/extraObjects/0", "got number"]),
        (
            json!({ "server": { "ingress": { "enabled": true } } }),
            ["server.enabled=true", "needs something to lead to"],
        ),
    ] {
        let complaint = refused(&helm, &values);
        for word in words {
            assert!(complaint.contains(word), "{values}: {word:?} is not in: {complaint}");
        }
    }
}

#[test]
fn lint_finds_nothing() {
    let helm = Helm::new();
    let chart = folder();
    let every = helm.values(&crate::templates::everything("lint"));
    for more in [&[][..], &["--values", &every]] {
        let mut args = vec!["lint", "--strict", chart.to_str().unwrap()];
        args.extend(more);
        let said = helm.must(&args);
        assert!(said.contains("0 chart(s) failed"), "{said}");
    }
}

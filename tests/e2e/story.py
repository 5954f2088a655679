"""What `tests/e2e/run` plays."""

import glob
import json
import os
import shlex
import subprocess
import sys
import threading
import time

import jwt

HOME, NAMESPACE = "keyturn-system", "keyturn-e2e"
KUBECTL = os.environ.get("KUBECTL", "kubectl")
HELM = os.environ.get("HELM", "helm")
PROBE_IMAGE = os.environ.get("PROBE_IMAGE", "busybox:1.37")
MOUNT_DELAY = int(os.environ.get("MOUNT_DELAY", "95"))
LIFETIME, CACHE = 20, 5
BEGUN = time.monotonic()


def say(words):
    print(f"{time.monotonic() - BEGUN:6.1f}s  {words}", flush=True)


def fail(words):
    say(f"FAILED: {words}")
    sys.exit(1)


def run(*command, given=None, may_fail=False):
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=400)
    if done.returncode and not may_fail:
        fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout if done.returncode == 0 else None


def kubectl(*args, **more):
    return run(KUBECTL, *args, **more)


def get(kind, name, namespace=NAMESPACE):
    found = kubectl("get", kind, name, "-n", namespace, "-o", "json", may_fail=True)
    return json.loads(found) if found else None


def apply(*objects):
    for one in objects:
        kubectl("apply", "-f", "-", given=json.dumps(one))


def until(what, look, within):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = look()
        if found:
            say(what)
            return found
        time.sleep(1)
    return fail(f"not within {within} s: {what}")


def pod(name, volume):
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "probe",
                    "image": PROBE_IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "86400"],
                    "securityContext": restricted,
                    "volumeMounts": [{"name": "keys", "mountPath": "/keys", "readOnly": True}],
                }
            ],
            "volumes": [{"name": "keys", **volume}],
        },
    }


def key_set():
    seconds = {
        "publishDelay": MOUNT_DELAY,
        "signerReloadDelay": MOUNT_DELAY,
        "verifierCacheTtl": CACHE + 5,
        "maxTokenLifetime": LIFETIME,
        "clockSkew": 2,
    }
    return {
        "apiVersion": "keyturn.dev/v1alpha1",
        "kind": "JwksKeySet",
        "metadata": {"name": "auth", "namespace": NAMESPACE},
        "spec": {
            "keys": [{"algorithm": "ES256"}],
            "timing": {fact: f"{value}s" for fact, value in seconds.items()},
        },
    }


class Traffic(threading.Thread):
    """Signs with what the signer's pod mounts, and verifies every living token with what the verifier's pod mounts."""

    def __init__(self):
        super().__init__(daemon=True)
        self.tokens, self.signed, self.verified, self.kids, self.broken = [], 0, 0, [], []
        self.jwks, self.read, self.stopped = None, 0, threading.Event()

    def mounted(self, name):
        text = kubectl("exec", "-n", NAMESPACE, name, "--", "cat", "/keys/jwks.json", may_fail=True)
        return json.loads(text)["keys"] if text else None

    def run(self):
        while not self.stopped.is_set():
            keys = self.mounted("signer")
            if keys:
                key, now = jwt.PyJWK(keys[0]), time.time()
                token = jwt.encode({"exp": now + LIFETIME}, key.key, "ES256", {"kid": keys[0]["kid"]})
                self.tokens.append((now + LIFETIME, keys[0]["kid"], token))
                self.signed += 1
                if keys[0]["kid"] not in self.kids:
                    self.kids.append(keys[0]["kid"])
            if time.monotonic() - self.read > CACHE:
                fresh = self.mounted("verifier")
                if fresh:
                    self.jwks, self.read = {key["kid"]: jwt.PyJWK(key) for key in fresh}, time.monotonic()
            self.verify()
            self.stopped.wait(1)

    def verify(self):
        self.tokens = [token for token in self.tokens if token[0] > time.time() + 1]
        for _, kid, token in self.tokens if self.jwks else []:
            try:
                jwt.decode(token, self.jwks[kid].key, ["ES256"])
                self.verified += 1
            except (KeyError, jwt.PyJWTError) as error:
                self.broken.append(f"{kid}: {error!r}")

    def must_be_whole(self):
        if self.broken or not self.verified:
            fail(f"{len(self.broken)} tokens broke of {self.verified}: {self.broken[:3]}")


def active():
    return ((get("jwks", "auth") or {}).get("status") or {}).get("activeKids")


def rotate(number):
    before = active()
    kubectl("annotate", "jwks", "auth", "-n", NAMESPACE, "--overwrite", f"keyturn.dev/rotate=e2e-{number}")
    until(f"rotation {number}: another key is active", lambda: active() not in (None, before), MOUNT_DELAY + 180)


def settled():
    """Nothing is due before the next rotation, which is weeks away. So whatever changes now was not on time."""
    phases = [key["phase"] for key in get("jwks", "auth")["status"]["keys"]]
    return sorted(phases) == ["Active", "Standby"]


def seen_by_pods(traffic, count):
    seen = lambda: len(traffic.kids) >= count and traffic.verified
    until(f"the signer's pod has signed with {count} keys", seen, MOUNT_DELAY + 30)
    traffic.must_be_whole()


def story():
    archive = os.environ.get("ARCHIVE") or (glob.glob("dist/keyturn-*-image.tar") or [None])[0]
    load = os.environ.get("LOAD_IMAGE")
    if not archive or not load:
        fail("state LOAD_IMAGE, and build the archive with `release/build image`")
    had_crd = kubectl("get", "crd", "jwkskeysets.keyturn.dev", may_fail=True) is not None
    run(*shlex.split(load), os.path.abspath(archive))
    say(f"{archive} is loaded ({os.path.getsize(archive) / 2**20:.1f} MiB)")
    helm = ["charts/keyturn", "--namespace", HOME, "--wait", "--timeout", "3m"]
    run(HELM, "install", "keyturn", *helm, "--create-namespace")
    say("helm install --wait")

    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}})
    until("the namespace has its service account", lambda: get("serviceaccount", "default"), 60)
    apply(key_set())
    apply(pod("signer", {"secret": {"secretName": "auth-signer"}}), pod("verifier", {"configMap": {"name": "auth-jwks"}}))
    kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "pod/signer", "pod/verifier", "jwks/auth", "--timeout=120s")
    say("the key set is ready, and pods mount it")
    traffic = Traffic()
    traffic.start()
    seen_by_pods(traffic, 1)

    rotate(1)
    seen_by_pods(traffic, 2)
    run(HELM, "upgrade", "keyturn", *helm, "--set", "server.enabled=true", "--set", "operator.logLevel=debug")
    say("helm upgrade --wait, with new pods and the server")
    served = f"/api/v1/namespaces/{HOME}/services/keyturn-server:jwks/proxy/{NAMESPACE}/auth/jwks.json"
    until("the server answers with the JWK Set", lambda: kubectl("get", "--raw", served, may_fail=True), 60)
    rotate(2)
    seen_by_pods(traffic, 3)

    until("the retired keys are removed", settled, MOUNT_DELAY + LIFETIME + 150)
    traffic.must_be_whole()

    names = [("secret", "auth-keyring"), ("secret", "auth-signer"), ("configmap", "auth-jwks")]
    kept = [(kind, get(kind, name)) for kind, name in names]
    run(HELM, "uninstall", "keyturn", "--namespace", HOME, "--wait")
    pods = ["get", "pods", "-n", HOME, "-o", "name"]
    until("helm uninstall, and the operator's pods have ended", lambda: kubectl(*pods) == "", 120)
    for kind, before in kept:
        now = get(kind, before["metadata"]["name"])
        if now is None or now["data"] != before["data"]:
            fail(f"{kind} {before['metadata']['name']} did not stay as it was")
    if get("jwks", "auth") is None:
        fail("the key set is gone")
    time.sleep(LIFETIME)
    traffic.stopped.set()
    traffic.join()
    traffic.must_be_whole()
    say(f"keys kept; {traffic.signed} tokens by {len(traffic.kids)} keys, verified {traffic.verified} times, none broke")

    kubectl("delete", "namespace", NAMESPACE, HOME, "--wait=false")
    if not had_crd:
        kubectl("delete", "crd", "jwkskeysets.keyturn.dev")


if __name__ == "__main__":
    story()

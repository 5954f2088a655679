#!/usr/bin/env python3
"""Writes archives whose bytes depend on their content alone: sorted names, owner 0, and one time for everything.

  archive.py tgz OUT --time SECONDS SOURCE=NAME...
  archive.py image OUT --time SECONDS --name IMAGE:TAG --label KEY=VALUE... --arch ARCH SOURCE=NAME... --arch ...

A SOURCE that is a folder is taken whole. `image` writes an OCI image layout (image-spec 1.1) in a tar, with one image for each
--arch: `ctr images import`, `podman load`, `docker load` and `skopeo copy oci-archive:` read it.
"""

import argparse
import datetime
import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile

IMAGE = "application/vnd.oci.image"
USER = "65532:65532"


def files(pairs):
    """Names in the archive, sorted, with the file that each is read from."""
    found = {}
    for pair in pairs:
        source, _, name = pair.partition("=")
        source = pathlib.Path(source)
        if source.is_dir():
            inner = [path for path in source.rglob("*") if path.is_file()]
            place = pathlib.PurePosixPath(name)
            found.update({str(place / path.relative_to(source).as_posix()): path for path in inner})
        else:
            found[name] = source
    return sorted(found.items())


def entry(name, time, size=0, mode=0o644, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode, info.type = size, time, mode, kind
    return info


def tar(pairs, time):
    """A tar of files, with the folders that they stand in."""
    buffer, folders = io.BytesIO(), set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, source in files(pairs):
            for folder in reversed(pathlib.PurePosixPath(name).parents[:-1]):
                if folder not in folders:
                    folders.add(folder)
                    archive.addfile(entry(str(folder), time, mode=0o755, kind=tarfile.DIRTYPE))
            content = source.read_bytes()
            mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
            archive.addfile(entry(name, time, len(content), mode), io.BytesIO(content))
    return buffer.getvalue()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Layout:
    """An OCI image layout in the making."""

    def __init__(self):
        self.blobs = {}

    def add(self, media_type, content, **more):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": f"{IMAGE}.{media_type}", "digest": f"sha256:{digest}", "size": len(content), **more}

    def image(self, arch, pairs, time, labels):
        layer = tar(pairs, time)
        config = {
            "created": labels["org.opencontainers.image.created"],
            "architecture": arch,
            "os": "linux",
            "config": {"Entrypoint": ["/keyturn"], "User": USER, "WorkingDir": "/", "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
            "history": [{"created": labels["org.opencontainers.image.created"], "created_by": "release/archive.py"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{IMAGE}.manifest.v1+json",
            "config": self.add("config.v1+json", compact(config)),
            "layers": [self.add("layer.v1.tar+gzip", gzip.compress(layer, 9, mtime=0))],
            "annotations": labels,
        }
        platform = {"architecture": arch, "os": "linux"}
        return self.add("manifest.v1+json", compact(manifest), platform=platform)

    def write(self, out, index, time):
        parts = {"oci-layout": compact({"imageLayoutVersion": "1.0.0"}), "index.json": compact(index)}
        parts.update({f"blobs/sha256/{digest}": content for digest, content in self.blobs.items()})
        with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
            for folder in ["blobs", "blobs/sha256"]:
                archive.addfile(entry(folder, time, mode=0o755, kind=tarfile.DIRTYPE))
            for name, content in sorted(parts.items()):
                archive.addfile(entry(name, time, len(content)), io.BytesIO(content))


def image(options):
    created = datetime.datetime.fromtimestamp(options.time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = dict(label.split("=", 1) for label in options.label)
    labels["org.opencontainers.image.created"] = created
    layout = Layout()
    manifests = [layout.image(arch, pairs, options.time, labels) for arch, *pairs in options.arch]
    index = {"schemaVersion": 2, "mediaType": f"{IMAGE}.index.v1+json", "manifests": manifests, "annotations": labels}
    tag = options.name.rpartition(":")[2]
    names = {"io.containerd.image.name": options.name, "org.opencontainers.image.ref.name": tag}
    described = layout.add("index.v1+json", compact(index), annotations=names)
    layout.write(options.out, {"schemaVersion": 2, "mediaType": f"{IMAGE}.index.v1+json", "manifests": [described]}, options.time)
    print(f"{options.name}@{described['digest']}")


def tgz(options):
    with open(options.out, "wb") as out:
        out.write(gzip.compress(tar(options.files, options.time), 9, mtime=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    for run in (tgz, image):
        kind = kinds.add_parser(run.__name__)
        kind.set_defaults(run=run)
        kind.add_argument("out")
        kind.add_argument("--time", type=int, required=True)
    kinds.choices["tgz"].add_argument("files", nargs="+")
    kinds.choices["image"].add_argument("--name", required=True)
    kinds.choices["image"].add_argument("--label", action="append", default=[])
    kinds.choices["image"].add_argument("--arch", action="append", nargs="+", required=True)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())

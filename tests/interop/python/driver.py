"""Python's `jwcrypto` for ../protocol.md."""

import json
import sys
from pathlib import Path

from jwcrypto import jwe, jwk, jws


def load(key, kid):
    if key["form"] == "pem":
        return jwk.JWK.from_pem(Path(key["path"]).read_bytes())
    if key["form"] != "jwks":
        raise ValueError(f"jwcrypto does not read {key['form']}")
    return jwk.JWKSet.from_json(Path(key["path"]).read_text()).get_key(kid)


def read(request):
    kid = request["kid"]
    private, public = load(request["private"], kid), load(request["public"], kid)
    if not (private.is_symmetric or private.has_private):
        raise ValueError("the private key is not private")
    if private.thumbprint() != public.thumbprint():
        raise ValueError("the public half is another")
    return private.thumbprint()


def sign(request):
    alg, kid = request["alg"], request["kid"]
    token = jws.JWS(request["text"])
    token.allowed_algs = [alg]
    token.add_signature(load(request["private"], kid), alg, json.dumps({"alg": alg, "kid": kid}))
    return token.serialize(compact=True)


def verify(request):
    token = jws.JWS()
    token.allowed_algs = [request["alg"]]
    token.deserialize(request["message"])
    token.verify(load(request["public"], token.jose_header["kid"]), request["alg"])
    return token.payload.decode()


def encrypt(request):
    header = {"alg": request["alg"], "enc": request["enc"], "kid": request["kid"]}
    token = jwe.JWE(request["text"], json.dumps(header), algs=[request["alg"], request["enc"]])
    token.add_recipient(load(request["public"], request["kid"]))
    return token.serialize(compact=True)


def decrypt(request):
    token = jwe.JWE(algs=[request["alg"], request["enc"]])
    token.deserialize(request["message"])
    token.decrypt(load(request["private"], token.jose_header["kid"]))
    return token.payload.decode()


OPERATIONS = {"read": read, "sign": sign, "verify": verify, "encrypt": encrypt, "decrypt": decrypt}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"said": OPERATIONS[request["op"]](request)}
    except Exception as error:  # whatever a library says is an answer
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)

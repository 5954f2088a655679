// Node's `jose` for ../protocol.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as jose from 'jose';

const contents = (path) => readFileSync(path, 'utf8');

/** The key of a JWKS is found by the library where it can, which is for public ones that verify. */
const found = ({ form, path }, kid) => {
  assert.equal(form, 'jwks', `a JWK is wanted, not ${form}`);
  const keys = JSON.parse(contents(path)).keys.filter((key) => key.kid === kid);
  assert.equal(keys.length, 1, `${keys.length} keys have the kid ${kid}`);
  return keys[0];
};
const privateKey = (key, alg, kid) =>
  key.form === 'pem' ? jose.importPKCS8(contents(key.path), alg, { extractable: true }) : jose.importJWK(found(key, kid), alg, { extractable: true });
const publicKey = (key, alg, kid) =>
  key.form === 'pem' ? jose.importSPKI(contents(key.path), alg, { extractable: true }) : jose.importJWK(found(key, kid), alg, { extractable: true });
const thumbprint = async (key) => jose.calculateJwkThumbprint(key.kty ? key : await jose.exportJWK(key));

const operations = {
  async read({ alg, kid, private: private_, public: public_ }) {
    const thumbprints = [await thumbprint(await privateKey(private_, alg, kid)), await thumbprint(await publicKey(public_, alg, kid))];
    assert.equal(thumbprints[0], thumbprints[1], 'the public half is another');
    return thumbprints[0];
  },
  async sign({ alg, kid, private: key, text }) {
    const sign = new jose.CompactSign(new TextEncoder().encode(text)).setProtectedHeader({ alg, kid });
    return await sign.sign(await privateKey(key, alg, kid));
  },
  async verify({ alg, kid, public: key, message }) {
    const shared = alg.startsWith('HS'); // which `createLocalJWKSet` does not look for
    const by = key.form === 'pem' || shared ? await publicKey(key, alg, kid) : jose.createLocalJWKSet(JSON.parse(contents(key.path)));
    const { payload } = await jose.compactVerify(message, by, { algorithms: [alg] });
    return new TextDecoder().decode(payload);
  },
  async encrypt({ alg, enc, kid, public: key, text }) {
    const encrypt = new jose.CompactEncrypt(new TextEncoder().encode(text)).setProtectedHeader({ alg, enc, kid });
    return await encrypt.encrypt(await publicKey(key, alg, kid));
  },
  async decrypt({ alg, kid, private: key, message }) {
    const { plaintext } = await jose.compactDecrypt(message, await privateKey(key, alg, kid), { keyManagementAlgorithms: [alg] });
    return new TextDecoder().decode(plaintext);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...request } = JSON.parse(line);
  const answer = await operations[op](request).then((said) => ({ said }), (error) => ({ error: `${error.name}: ${error.message}` }));
  console.log(JSON.stringify(answer));
}

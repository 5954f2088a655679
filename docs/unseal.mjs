// Opens a sealed keyring without Keyturn, for the day on which only a backup is left:
//   node docs/unseal.mjs SECRET_FILE NAMESPACE NAME < keyring.json
// What it prints is private.
import { createDecipheriv, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [file, namespace, name] = process.argv.slice(2);
if (!name) {
  console.error('usage: node unseal.mjs SECRET_FILE NAMESPACE NAME < keyring.json');
  process.exit(2);
}
const secret = Buffer.from(readFileSync(file, 'latin1').replace(/\r?\n$/, ''), 'latin1');
const { v, keyId, revision, nonce, ct } = JSON.parse(readFileSync(0, 'utf8'));
const derive = (info, size) => Buffer.from(hkdfSync('sha256', secret, 'keyturn.dev/system-secret', info, size));
const id = derive('keyring/key-id', 8).toString('hex');
if (v !== 1 || id !== keyId) {
  console.error(`the keyring is sealed (v${v}) under system secret ${keyId}; ${file} is ${id}`);
  process.exit(1);
}
const sealed = Buffer.from(ct, 'base64');
const cipher = createDecipheriv('aes-256-gcm', derive('keyring/aes-256-gcm', 32), Buffer.from(nonce, 'base64'));
cipher.setAAD(Buffer.from(JSON.stringify(['keyturn.dev/keyring', v, namespace, name, revision])));
cipher.setAuthTag(sealed.subarray(-16));
process.stdout.write(Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]));

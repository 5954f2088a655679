// Takes tokens from where they are signed, and shows each of them to every verifier again and again until it expires.
// Its one argument says how:
//   mint:     { token: URL, client: 'id:secret' }, an OAuth 2.0 server; or { decision: URL }, a gateway that answers with a token; or
//             { jwks: FILE, delay: MS }, a private JWK Set that is used as it was `delay` ago
//   verify:   [{ jwks: URL, cache: MS }, a client that keeps a JWK Set for so long; or { gateway: URL }, asked with the token]
//   issuer, lifetime: MS, kids: after how many signing keys it is enough, patience: MS
// Prints one line of JSON: how many tokens and checks, the kids in order, and what failed.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRemoteJWKSet, decodeProtectedHeader, importJWK, jwtVerify, SignJWT } from 'jose'

const { mint, verify, issuer, lifetime, kids: enough, patience } = JSON.parse(process.argv[2])

async function fromServer () {
  const response = await fetch(mint.token, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(mint.client).toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials&scope=read',
  })
  const body = await response.text()
  if (!response.ok) throw new Error(`no token: ${response.status} ${body}`)
  return JSON.parse(body).access_token
}

async function fromGateway () {
  const response = await fetch(mint.decision)
  const token = response.headers.get('authorization')?.replace(/^Bearer /, '')
  if (!response.ok || !token) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return token
}

const seen = []
async function fromFile () {
  const now = Date.now()
  seen.push({ at: now, keys: JSON.parse(readFileSync(mint.jwks, 'utf8')).keys })
  while (seen.length > 1 && seen[1].at <= now - mint.delay) seen.shift()
  const [key] = seen[0].keys
  return new SignJWT({}).setProtectedHeader({ alg: key.alg, kid: key.kid }).setIssuer(issuer).setSubject('someone')
    .setIssuedAt().setExpirationTime(`${Math.ceil(lifetime / 1000)}s`).sign(await importJWK(key, key.alg))
}

// A kid that is not known is no reason to fetch early: what is checked is the published lead, not the clients' mercy.
const client = ({ jwks, cache }) => {
  const keys = createRemoteJWKSet(new URL(jwks), { cacheMaxAge: cache, cooldownDuration: 3600_000 })
  return async (token) => { await jwtVerify(token, keys, { issuer, clockTolerance: 60 }) }
}
const gateway = ({ gateway }) => async (token) => {
  const response = await fetch(gateway, { headers: { authorization: `Bearer ${token}` } })
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
}

const verifiers = verify.map((one) => one.gateway ? gateway(one) : client(one))
const kids = []
const failures = []
let tokens = []
let [minted, checks] = [0, 0]
const begun = Date.now()
let enoughSince
while (Date.now() - begun < patience && failures.length < 5) {
  const at = Date.now()
  const token = await (mint.token ? fromServer() : mint.decision ? fromGateway() : fromFile())
  const { kid } = decodeProtectedHeader(token)
  if (kids.at(-1) !== kid) kids.push(kid)
  minted += 1
  tokens.push({ token, kid, at })
  tokens = tokens.filter((one) => Date.now() - one.at < lifetime)
  for (const [number, check] of verifiers.entries()) {
    for (const one of tokens.filter((one) => Date.now() - one.at < lifetime - 500)) {
      checks += 1
      try {
        await check(one.token)
      } catch (error) {
        failures.push({ verifier: number, kid: one.kid, age: Date.now() - one.at, why: String(error.message) })
      }
    }
  }
  if (kids.length >= enough) enoughSince ??= at
  if (enoughSince && at - enoughSince > lifetime) break
  await sleep(250)
}
console.log(JSON.stringify({ minted, checks, kids, failures }))

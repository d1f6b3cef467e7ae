// Tokens by a library that many apps use: signs what it is told with keys made here, and verifies
// what a sidecar has signed.
//
//   node tokens.js sign '[{"alg": "ES256", "claims": {...}}]'   prints { tokens, keys, secrets }
//   node tokens.js verify TOKEN '{"alg": "ES256", "pem" | "secret": ..., "issuer": ..., "audience": ...}'
const jose = require('jose');

async function sign(wanted) {
  const out = { tokens: [], keys: {}, secrets: {} };
  const signing = {};
  for (const { alg, claims } of wanted) {
    if (!signing[alg]) {
      if (alg.startsWith('HS')) {
        out.secrets[alg] = require('crypto').randomBytes(64).toString('hex');
        signing[alg] = new TextEncoder().encode(out.secrets[alg]);
      } else {
        const pair = await jose.generateKeyPair(alg, { extractable: true });
        signing[alg] = pair.privateKey;
        out.keys[alg] = { keys: [{ ...(await jose.exportJWK(pair.publicKey)), kid: alg, alg }] };
      }
    }
    out.tokens.push(
      await new jose.SignJWT(claims)
        .setProtectedHeader({ alg, kid: alg })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(signing[alg]),
    );
  }
  return out;
}

async function verify(token, { alg, pem, secret, issuer, audience }) {
  const key = secret ? new TextEncoder().encode(secret) : await jose.importSPKI(pem, alg);
  const { payload, protectedHeader } = await jose.jwtVerify(token, key, {
    algorithms: [alg],
    issuer,
    audience,
  });
  return { payload, header: protectedHeader };
}

const [what, first, second] = process.argv.slice(2);
const done = what === 'sign' ? sign(JSON.parse(first)) : verify(first, JSON.parse(second));
done.then(
  (result) => console.log(JSON.stringify(result)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

import com.nimbusds.jose.*;
import com.nimbusds.jose.crypto.*;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.OctetSequenceKey;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jose.util.JSONObjectUtils;
import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.interfaces.EdECPublicKey;
import java.security.interfaces.RSAPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.security.interfaces.XECPrivateKey;
import java.security.interfaces.XECPublicKey;
import java.security.spec.*;
import java.util.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** Java's `nimbus-jose-jwt`, with `KeyStore` for PKCS#12, for ../protocol.md. */
class Driver {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = lines.readLine()) != null;) {
            System.out.println(JSONObjectUtils.toJSONString(answer(JSONObjectUtils.parse(line))));
            System.out.flush();
        }
    }

    static Map<String, Object> answer(Map<String, Object> request) {
        try {
            var driver = new Driver(request);
            return Map.of("said", switch (driver.word("op")) {
                case "read" -> driver.read();
                case "sign" -> driver.sign();
                case "verify" -> driver.verify();
                case "encrypt" -> driver.encrypt();
                case "decrypt" -> driver.decrypt();
                default -> throw new IllegalArgumentException(driver.word("op"));
            });
        } catch (Exception | LinkageError error) {
            return Map.of("error", error.getClass().getSimpleName() + ": " + error.getMessage());
        }
    }

    final Map<String, Object> request;

    Driver(Map<String, Object> request) {
        this.request = request;
    }

    String word(String name) throws Exception {
        return JSONObjectUtils.getString(request, name);
    }

    /** Opening a keystore takes long, as it should. */
    static final Map<Path, KeyStore> STORES = new HashMap<>();
    static final Map<String, JWK> KEYS = new HashMap<>();

    JWK key(String half) throws Exception {
        var name = half + word("kid") + request.get(half);
        var key = KEYS.get(name);
        if (key == null) KEYS.put(name, key = load(half));
        return key;
    }

    /** One key as nimbus holds it, the private half with the public one. */
    JWK load(String half) throws Exception {
        var key = JSONObjectUtils.getJSONObject(request, half);
        var path = Path.of((String) key.get("path"));
        switch ((String) key.get("form")) {
            case "jwks": {
                var found = JWKSet.load(path.toFile()).getKeyByKeyId(word("kid"));
                if (found == null) throw new InvalidKeyException("no key with that kid was read");
                return found;
            }
            case "pem": {
                // Java has a public key from its own file only.
                var other = JSONObjectUtils.getJSONObject(request, "public");
                var publicDer = der(Path.of((String) other.get("path")));
                var publicKey = decoded(factory -> factory.generatePublic(new X509EncodedKeySpec(publicDer)));
                if (half.equals("public")) return jwk((PublicKey) publicKey, null);
                var privateDer = der(path);
                return jwk((PublicKey) publicKey, (PrivateKey) decoded(factory -> factory.generatePrivate(new PKCS8EncodedKeySpec(privateDer))));
            }
            case "pkcs12": {
                var password = ((String) key.get("password")).toCharArray();
                var store = STORES.get(path);
                if (store == null) {
                    store = KeyStore.getInstance("PKCS12");
                    try (var file = Files.newInputStream(path)) {
                        store.load(file, password);
                    }
                    STORES.put(path, store);
                }
                Certificate certificate = store.getCertificate(word("kid"));
                if (certificate == null) throw new KeyStoreException("no alias " + word("kid") + " in " + Collections.list(store.aliases()));
                if (provider() == null) certificate.verify(certificate.getPublicKey());
                else certificate.verify(certificate.getPublicKey(), provider());
                var privateKey = half.equals("public") ? null : (PrivateKey) store.getKey(word("kid"), password);
                return jwk(certificate.getPublicKey(), privateKey);
            }
            default:
                throw new IllegalArgumentException((String) key.get("form"));
        }
    }

    static byte[] der(Path pem) throws IOException {
        return Base64.getMimeDecoder().decode(Files.readString(pem).replaceAll("-----[A-Z ]+-----", ""));
    }

    interface Decoding {
        Key with(KeyFactory factory) throws InvalidKeySpecException;
    }

    /** Java wants to be told what a DER file holds. */
    static Key decoded(Decoding decoding) throws Exception {
        for (var algorithm : List.of("RSA", "EC", "Ed25519", "X25519")) {
            try {
                return decoding.with(KeyFactory.getInstance(algorithm));
            } catch (InvalidKeySpecException another) {
                continue;
            }
        }
        throw new InvalidKeySpecException("neither RSA, EC, Ed25519 nor X25519");
    }

    static JWK jwk(PublicKey publicKey, PrivateKey privateKey) throws Exception {
        if (publicKey instanceof RSAPublicKey rsa) {
            var builder = new RSAKey.Builder(rsa);
            return (privateKey == null ? builder : builder.privateKey((RSAPrivateKey) privateKey)).build();
        }
        if (publicKey instanceof ECPublicKey ec) {
            var builder = new ECKey.Builder(Curve.forECParameterSpec(ec.getParams()), ec);
            return (privateKey == null ? builder : builder.privateKey((ECPrivateKey) privateKey)).build();
        }
        var encoded = publicKey.getEncoded();
        var x = Base64URL.encode(Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length));
        if (publicKey instanceof EdECPublicKey) {
            var builder = new OctetKeyPair.Builder(Curve.Ed25519, x);
            return (privateKey == null ? builder : builder.d(Base64URL.encode(((EdECPrivateKey) privateKey).getBytes().get()))).build();
        }
        if (publicKey instanceof XECPublicKey) {
            var builder = new OctetKeyPair.Builder(Curve.X25519, x);
            return (privateKey == null ? builder : builder.d(Base64URL.encode(((XECPrivateKey) privateKey).getScalar().get()))).build();
        }
        throw new InvalidKeyException("nimbus has no place for " + publicKey.getAlgorithm());
    }

    String read() throws Exception {
        var privateKey = key("private");
        if (!privateKey.isPrivate()) throw new InvalidKeyException("the private key is not private");
        var thumbprint = privateKey.computeThumbprint().toString();
        if (!thumbprint.equals(key("public").computeThumbprint().toString())) throw new InvalidKeyException("the public half is another");
        return thumbprint;
    }

    /** secp256k1 is BouncyCastle's alone. */
    Provider provider() throws Exception {
        return word("alg").equals("ES256K") ? Security.getProvider("BC") : null;
    }

    String sign() throws Exception {
        var key = key("private");
        var header = new JWSHeader.Builder(JWSAlgorithm.parse(word("alg"))).keyID(word("kid")).build();
        var message = new JWSObject(header, new Payload(word("text")));
        JWSSigner signer = key instanceof RSAKey rsa ? new RSASSASigner(rsa)
            : key instanceof ECKey ec ? new ECDSASigner(ec.toECPrivateKey(provider()))
            : key instanceof OctetKeyPair okp ? new Ed25519Signer(okp)
            : new MACSigner((OctetSequenceKey) key);
        if (provider() != null) signer.getJCAContext().setProvider(provider());
        message.sign(signer);
        return message.serialize();
    }

    String verify() throws Exception {
        var message = JWSObject.parse(word("message"));
        expect(message.getHeader());
        var key = key("public");
        JWSVerifier verifier = key instanceof RSAKey rsa ? new RSASSAVerifier(rsa)
            : key instanceof ECKey ec ? new ECDSAVerifier(ec.toECPublicKey(provider()))
            : key instanceof OctetKeyPair okp ? new Ed25519Verifier(okp)
            : new MACVerifier((OctetSequenceKey) key);
        if (provider() != null) verifier.getJCAContext().setProvider(provider());
        if (!message.verify(verifier)) throw new SignatureException("the signature is not that key's");
        return message.getPayload().toString();
    }

    String encrypt() throws Exception {
        var key = key("public");
        var header = new JWEHeader.Builder(JWEAlgorithm.parse(word("alg")), EncryptionMethod.parse(word("enc"))).keyID(word("kid")).build();
        var message = new JWEObject(header, new Payload(word("text")));
        message.encrypt(key instanceof RSAKey rsa ? new RSAEncrypter(rsa)
            : key instanceof ECKey ec ? new ECDHEncrypter(ec)
            : key instanceof OctetKeyPair okp ? new X25519Encrypter(okp)
            : word("alg").equals("dir") ? new DirectEncrypter((OctetSequenceKey) key)
            : new AESEncrypter((OctetSequenceKey) key));
        return message.serialize();
    }

    String decrypt() throws Exception {
        var message = JWEObject.parse(word("message"));
        expect(message.getHeader());
        var key = key("private");
        message.decrypt(key instanceof RSAKey rsa ? new RSADecrypter(rsa)
            : key instanceof ECKey ec ? new ECDHDecrypter(ec)
            : key instanceof OctetKeyPair okp ? new X25519Decrypter(okp)
            : word("alg").equals("dir") ? new DirectDecrypter((OctetSequenceKey) key)
            : new AESDecrypter((OctetSequenceKey) key));
        return message.getPayload().toString();
    }

    void expect(Header header) throws Exception {
        if (!header.getAlgorithm().getName().equals(word("alg"))) throw new JOSEException("not " + word("alg"));
    }
}

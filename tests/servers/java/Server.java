import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Executors;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.JwsHeader;
import org.springframework.security.oauth2.jwt.JwtClaimsSet;
import org.springframework.security.oauth2.jwt.JwtEncoderParameters;
import org.springframework.security.oauth2.jwt.NimbusJwtEncoder;

/** Issues tokens as Spring Authorization Server does, by its encoder: PORT ALGORITHM PRIVATE-JWKS PUBLIC-JWKS. */
public final class Server {
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        SignatureAlgorithm algorithm = SignatureAlgorithm.from(args[1]);
        var encoder = new NimbusJwtEncoder(new KeyturnJwkSource(Path.of(args[2]), Duration.ofSeconds(1)));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/token", exchange -> answer(exchange, () -> {
            Instant now = Instant.now();
            var claims = JwtClaimsSet.builder().issuer("http://127.0.0.1:" + port).subject("someone").issuedAt(now)
                .expiresAt(now.plusSeconds(8)).build();
            var token = encoder.encode(JwtEncoderParameters.from(JwsHeader.with(algorithm).build(), claims));
            return "{\"access_token\":\"" + token.getTokenValue() + "\"}";
        }));
        server.createContext("/jwks", exchange -> answer(exchange, () -> Files.readString(Path.of(args[3]))));
        server.start();
    }

    private interface Body {
        String make() throws Exception;
    }

    private static void answer(HttpExchange exchange, Body body) throws IOException {
        byte[] bytes;
        int status = 200;
        try {
            bytes = body.make().getBytes(StandardCharsets.UTF_8);
        } catch (Exception error) {
            status = 500;
            bytes = error.toString().getBytes(StandardCharsets.UTF_8);
        }
        exchange.getResponseHeaders().add("content-type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }
}

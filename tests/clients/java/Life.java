import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.springframework.security.authentication.TestingAuthenticationToken;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.client.AuthorizedClientServiceOAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.InMemoryOAuth2AuthorizedClientService;
import org.springframework.security.oauth2.client.OAuth2AuthorizeRequest;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientProviderBuilder;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.client.registration.InMemoryClientRegistrationRepository;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.core.OAuth2AccessToken;
import org.springframework.security.oauth2.core.OAuth2RefreshToken;
import org.springframework.security.oauth2.server.resource.introspection.SpringOpaqueTokenIntrospector;

/** A client made of Spring Security: an act a line in, its outcome a line out, both JSON (see ../lives.py). */
public class Life {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Authentication PRINCIPAL = new TestingAuthenticationToken("anna", null);
    private static final Map<String, ClientAuthenticationMethod> METHODS = Map.of(
            "basic", ClientAuthenticationMethod.CLIENT_SECRET_BASIC,
            "post", ClientAuthenticationMethod.CLIENT_SECRET_POST);

    private static OAuth2AuthorizedClientManager manager;
    private static SpringOpaqueTokenIntrospector introspector;

    private static Object start(Map<String, String> given) {
        boolean isClientCredentials = given.get("grant").equals("client_credentials");
        ClientRegistration registration = ClientRegistrations.fromIssuerLocation(given.get("issuer"))
                .registrationId("daypass").clientId(given.get("client_id")).clientSecret(given.get("client_secret"))
                .clientAuthenticationMethod(METHODS.get(given.get("auth")))
                // Spring renews by a refresh token only what a person has authorized.
                .authorizationGrantType(isClientCredentials ? AuthorizationGrantType.CLIENT_CREDENTIALS
                        : AuthorizationGrantType.AUTHORIZATION_CODE)
                .redirectUri("http://127.0.0.1/unused").build();
        InMemoryClientRegistrationRepository repository = new InMemoryClientRegistrationRepository(registration);
        InMemoryOAuth2AuthorizedClientService service = new InMemoryOAuth2AuthorizedClientService(repository);
        AuthorizedClientServiceOAuth2AuthorizedClientManager made =
                new AuthorizedClientServiceOAuth2AuthorizedClientManager(repository, service);
        Duration skew = Duration.ofSeconds(1); // a minute unless told otherwise: this life is shorter
        made.setAuthorizedClientProvider(OAuth2AuthorizedClientProviderBuilder.builder()
                .clientCredentials(each -> each.clockSkew(skew)).refreshToken(each -> each.clockSkew(skew)).build());
        if (!isClientCredentials) {
            service.saveAuthorizedClient(new OAuth2AuthorizedClient(registration, "anna", ended(),
                    new OAuth2RefreshToken(given.get("refresh_token"), null)), PRINCIPAL);
        }
        manager = made;
        String introspection = (String) registration.getProviderDetails().getConfigurationMetadata()
                .get("introspection_endpoint");
        introspector = SpringOpaqueTokenIntrospector.withIntrospectionUri(introspection)
                .clientId(given.get("client_id")).clientSecret(given.get("client_secret")).build();
        return Map.of("token_url", registration.getProviderDetails().getTokenUri());
    }

    private static OAuth2AccessToken ended() {
        Instant now = Instant.now();
        return new OAuth2AccessToken(OAuth2AccessToken.TokenType.BEARER, "none", now.minusSeconds(9), now.minusSeconds(8));
    }

    private static Object call(Map<String, String> given) throws Exception {
        OAuth2AuthorizeRequest request =
                OAuth2AuthorizeRequest.withClientRegistrationId("daypass").principal(PRINCIPAL).build();
        String token = manager.authorize(request).getAccessToken().getTokenValue();
        HttpRequest asked = HttpRequest.newBuilder(URI.create(given.get("url"))).header("Authorization", "Bearer " + token)
                .build();
        int status = HttpClient.newHttpClient().send(asked, HttpResponse.BodyHandlers.discarding()).statusCode();
        return Map.of("status", status, "token", token);
    }

    private static Object introspect(Map<String, String> given) {
        Map<String, Object> told = new HashMap<>(introspector.introspect(given.get("token")).getAttributes());
        told.replaceAll((name, value) -> value instanceof Instant || value instanceof java.net.URL ? value.toString() : value);
        return told;
    }

    private static Object act(String name, Map<String, String> given) throws Exception {
        switch (name) {
            case "start": return start(given);
            case "call": return call(given);
            default: return introspect(given);
        }
    }

    @SuppressWarnings("unchecked")
    public static void main(String[] words) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> asked = JSON.readValue(line, Map.class);
            Map<String, Object> outcome = new HashMap<>();
            try {
                outcome.put("returned", act((String) asked.get("act"), (Map<String, String>) asked.get("with")));
            } catch (Exception error) {
                outcome.put("raised", Map.of("type", error.getClass().getSimpleName(), "text", "" + error.getMessage()));
            }
            System.out.println(JSON.writeValueAsString(outcome));
        }
    }
}

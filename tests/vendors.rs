//! Every vendor of the table: its constant, and the way it is spoken to, through the real client.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use polyroute::provider::{Environment, KeyStyle, Vendor, vendor};
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Raw, Received, Sandbox, SandboxVendor};
use polyroute::types::{EmbedRequest, Target, Wire};
use polyroute::{ChatRequest, Client, ErrorKind, Settings, Usage};
use serde_json::{Value, json};
use url::{Host, Url};

/// One vendor in one of its formats.
#[derive(Clone, Copy)]
struct Way {
    vendor: &'static Vendor,
    wire: Wire,
    key: KeyStyle,
}

impl Way {
    fn name(self) -> String {
        format!("{}-{}", self.vendor.name, self.wire)
    }

    fn key(self) -> String {
        format!("key-for-{}-and-nobody-else", self.name())
    }

    fn request(self, question: &str) -> ChatRequest {
        ChatRequest::new(format!("{}/model-nobody-has-heard-of", self.name())).user(question)
    }
}

fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for vendor in vendor::ALL {
        let usual = vendor.chat.iter().chain(vendor.also).map(|chat| (chat.wire(), vendor.key));
        let elsewhere = vendor.elsewhere.iter().map(|other| (other.chat.wire(), other.key));
        ways.extend(usual.chain(elsewhere).map(|(wire, key)| Way { vendor, wire, key }));
    }
    assert!(ways.len() > 60, "{} ways only", ways.len());
    ways
}

struct House {
    sandbox: Sandbox,
    client: Client,
}

impl House {
    fn new() -> Self {
        let sandbox = Sandbox::open().expect("a loopback port is free");
        let settings = ways().into_iter().map(|way| {
            let settings = Settings::vendor(way.vendor.name)
                .name(way.name())
                .base_url(sandbox.vendor(&way.name()).url())
                .api_key(way.key())
                .speak(way.wire);
            if way.vendor.resource_field.is_some() { settings.resource("a-project") } else { settings }
        });
        let builder = Client::builder()
            .environment(Environment::of([("NOTHING", "set")]))
            .retry(RetryPolicy::default().max_attempts(1));
        let client = settings.fold(builder, polyroute::ClientBuilder::vendor).build();
        Self { sandbox, client: client.expect("every vendor can be set up") }
    }

    fn vendor(&self, way: Way) -> SandboxVendor {
        self.sandbox.vendor(&way.name())
    }
}

#[test]
fn every_constant_is_consistent() {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for vendor in vendor::ALL {
        let name = vendor.name;
        for own in vendor.aliases.iter().chain([&name]) {
            assert_eq!(names.insert(own, name), None, "{own} means two vendors");
            assert_eq!(vendor::find(own).map(|found| found.name), Some(name));
            assert!(vendor::absent(own).is_none(), "{own} is here");
            assert!(
                own.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            );
        }
        assert!(!vendor.title.is_empty(), "{name}");
        let elsewhere = vendor.elsewhere.iter().filter_map(|other| other.base_url);
        for base in [vendor.base_url].into_iter().filter(|base| !base.is_empty()).chain(elsewhere) {
            let url = Url::parse(&base.replace("{resource}", "resource")).expect("an address");
            let is_local = url.host() == Some(Host::Domain("localhost"));
            assert!(url.scheme() == "https" || (url.scheme() == "http" && is_local), "{name}: {base}");
            assert!(
                !base.ends_with('/') && url.query().is_none() && url.fragment().is_none(),
                "{name}: {base}"
            );
        }
        let variables = vendor.key_env.iter().chain(vendor.resource_env).chain(vendor.base_url_env.iter());
        for variable in variables {
            let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(variable.bytes().all(is_plain), "{name}: {variable}");
        }
        let mut wires: Vec<Wire> = vendor.formats().map(polyroute::protocol::Protocol::wire).collect();
        let formats = wires.len();
        wires.dedup();
        assert_eq!(wires.len(), formats, "{name} speaks a format twice");
    }
}

#[test]
fn every_vendor_that_can_be_called_says_where_its_deviations_are_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/vendor");
    for vendor in vendor::ALL.iter().filter(|vendor| vendor.chat.is_some() || vendor.embed.is_some()) {
        let path = folder.join(vendor.name).join("docs.md");
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
        let words = || text.split([' ', '(', ')', '<', '>', '|', '\n', ',', ':', ';']);
        let is_date = |word: &str| {
            let lengths: Vec<usize> = word.split('-').map(str::len).collect();
            lengths == [4, 2, 2] && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        };

        assert!(text.contains("https://"), "{}: no link", path.display());
        assert!(words().any(is_date), "{}: no date", path.display());
    }
}

#[test]
fn every_table_of_models_can_be_read() {
    let catalogue = vendor::catalogue();
    for vendor in vendor::ALL {
        assert_eq!(catalogue.models_of(vendor.name).is_empty(), vendor.models.is_empty(), "{}", vendor.name);
    }
}

/// The providers that the catalogue of 2026-11-22 names.
const CATALOGUED: &str = "openai azure azure_ai anthropic gemini vertex_ai bedrock bedrock_mantle mistral deepseek \
    dashscope dashscope_cn cohere xai perplexity moonshot zai zhipu minimax meta ai21 voyage jina groq together \
    fireworks cerebras deepinfra nvidia_nim sambanova novita hyperbolic nebius scaleway ovhcloud stackit nscale \
    siliconflow baseten wandb cloudflare databricks watsonx volcengine openrouter vercel_ai_gateway huggingface \
    github_models tokenmix portkey litellm_proxy ollama vllm lm_studio llama_cpp openai_compatible";

#[tokio::test]
async fn every_catalogued_provider_is_here_or_has_a_reason_not_to_be() {
    let absent: Vec<&str> = CATALOGUED.split_whitespace().filter(|id| vendor::find(id).is_none()).collect();

    assert_eq!(absent, ["github_models"]);
    for id in absent {
        let reason = vendor::absent(id).expect("a reason");
        let error = Client::builder().vendor(Settings::vendor(id).api_key("key")).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(reason), "{error}");
        let other = Client::builder().vendor(Settings::vendor("openai").api_key("key")).build();
        let error = other.expect("it is right").chat((format!("{id}/model"), "hello")).await.unwrap_err();
        assert!(error.kind() == ErrorKind::NoRoute && error.message().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn every_vendors_errors_have_the_kind_of_their_status() {
    let house = House::new();
    let body = json!({"error": {"type": "error", "message": "no"}, "message": "no"}).to_string();
    for way in ways() {
        for (status, kind) in
            [(401, ErrorKind::Authentication), (429, ErrorKind::RateLimited), (500, ErrorKind::Server)]
        {
            let raw = || Raw::new(status, body.clone()).header("content-type", "application/json");
            house.vendor(way).then(raw()).then(raw());
            let whole = house.client.chat(way.request("hello")).await.unwrap_err();
            let streamed = house.client.chat_stream(way.request("hello")).await.expect_err("no stream");

            for error in [whole, streamed] {
                assert_eq!(error.kind(), kind, "{} {status}: {error}", way.name());
                assert_eq!(error.status(), Some(status), "{}", way.name());
                assert!(!format!("{error} {error:?}").contains(&way.key()), "{}", way.name());
            }
        }
    }
}

#[tokio::test]
async fn every_vendor_gets_its_key_where_it_wants_it_and_nowhere_else() {
    let house = House::new();
    for way in ways() {
        house.vendor(way).then(Raw::new(500, "{}"));
        let _ = house.client.chat(way.request("hello")).await;
        let received = house.vendor(way).received();
        assert_eq!(received.len(), 1, "{}", way.name());

        only_in_its_place(&received[0], way.key, &way.key(), &way.name());
        for header in required_headers(way) {
            assert_eq!(received[0].header(header.0), Some(header.1), "{}", way.name());
        }
    }
}

fn required_headers(way: Way) -> &'static [(&'static str, &'static str)] {
    let elsewhere = way.vendor.elsewhere.iter().find(|other| other.chat.wire() == way.wire);
    elsewhere.map_or(way.vendor.headers, |other| other.headers)
}

fn only_in_its_place(received: &Received, style: KeyStyle, key: &str, who: &str) {
    let place = match style {
        KeyStyle::Bearer | KeyStyle::OptionalBearer => Some(("authorization", format!("Bearer {key}"))),
        KeyStyle::Header(name) => Some((name, key.to_owned())),
        _ => None,
    };
    if let Some((name, value)) = &place {
        assert_eq!(received.header(name), Some(value.as_str()), "{who}");
    }
    let with_key = received.headers.iter().filter(|(_, value)| value.contains("nobody-else")).count();
    assert!(with_key <= 1, "{who}: the key is in {with_key} headers");
    assert!(!received.path.contains(key) && !received.query.contains(key), "{who}");
    assert!(!String::from_utf8_lossy(&received.body).contains(key), "{who}");
}

#[tokio::test]
async fn every_vendor_of_vectors_in_openais_format_returns_them() {
    let house = House::new();
    let mut answered = 0;
    for vendor in vendor::ALL.iter().filter(|vendor| vendor.embed.is_some()) {
        let name = vendor.name;
        let fake = house.sandbox.vendor(&format!("vectors-of-{name}"));
        let key = format!("key-for-{name}-and-nobody-else");
        let client = Client::builder()
            .vendor(Settings::vendor(name).base_url(fake.url()).api_key(key.as_str()))
            .environment(Environment::of([("NOTHING", "set")]))
            .retry(RetryPolicy::default().max_attempts(1))
            .build()
            .expect("the settings are right");
        // On Bedrock the model's name decides on the format.
        let model = if name == "bedrock" { "cohere.embed-v9" } else { "model" };
        let reply = client.embed(EmbedRequest::new(format!("{name}/{model}"), ["one", "two"])).await;
        let received = fake.received();
        assert_eq!(received.len(), 1, "{name}");

        only_in_its_place(&received[0], vendor.key, &key, name);
        if received[0].path.ends_with("/embeddings") {
            let reply = reply.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(reply.reply.vectors.len(), 2, "{name}");
            answered += 1;
        }
    }
    assert!(answered > 20, "{answered} answered only");
}

#[tokio::test]
async fn priced_models_named_with_a_slash_are_reached_and_priced() {
    let house = House::new();
    let mut reached = 0;
    for way in ways().into_iter().filter(|way| way.wire == Wire::ChatCompletions) {
        let models = house.client.catalogue().models_of(way.vendor.name);
        let target = models
            .iter()
            .filter(|model| model.id.contains('/'))
            .filter_map(|model| Target::new(&way.name(), &model.id).ok())
            .find(|target| house.client.cost_of(target, &Usage::of(10, 10)).is_some());
        let Some(target) = target else { continue };
        let answer = house.client.chat((target.to_string(), "hello")).await;
        let answer = answer.unwrap_or_else(|error| panic!("{target}: {error}"));

        assert!(answer.cost().is_some(), "{target}");
        let json = house.vendor(way).received()[0].json.clone();
        let sent = json.get("model").or_else(|| json.get("model_id"));
        assert_eq!(sent, Some(&Value::from(target.model())), "{target}");
        reached += 1;
    }
    assert!(reached >= 8, "{reached} vendors only");
}

#[tokio::test]
async fn a_deployment_is_asked_for_by_its_name_and_priced_as_its_model() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let settings = |alias: &str, known: &str| {
        Settings::vendor("azure")
            .base_url(sandbox.vendor("azure").url())
            .api_key("key")
            .model_alias(alias, known)
    };
    let client = Client::builder().vendor(settings("my-deployment", "gpt-4.1")).build().expect("it is right");
    let direct = Target::new("azure", "gpt-4.1").expect("a target");
    let deployed = Target::new("azure", "my-deployment").expect("a target");
    let usage = Usage::of(1_000, 1_000);
    let answer = client.chat(("azure/my-deployment", "hello")).await.expect("an answer");

    assert_eq!(sandbox.vendor("azure").received()[0].json["model"], "my-deployment");
    assert!(answer.cost().is_some());
    let price = |target| client.cost_of(target, &usage).expect("a price").total;
    assert_eq!(price(&deployed), price(&direct));
    assert!(client.models().iter().any(|model| model.target == deployed));
    let unknown = Client::builder().vendor(settings("my-deployment", "gpt-4.1-of-next-year")).build();
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn a_resource_is_needed_where_the_address_has_one_and_may_not_leave_its_place() {
    let nothing = || Environment::of([("NOTHING", "set")]);
    let build = |settings: Settings, environment| {
        Client::builder().environment(environment).vendor(settings.api_key("key")).build()
    };
    let mut templates = 0;
    for vendor in vendor::ALL.iter().filter(|vendor| vendor.base_url.contains("{resource}")) {
        if vendor.chat.is_none() {
            continue;
        }
        templates += 1;
        let settings = || match vendor.region_env {
            [] => Settings::vendor(vendor.name),
            _ => Settings::vendor(vendor.name).region("my-region-1"),
        };
        let error = build(settings(), nothing()).unwrap_err();
        assert!(error.message().contains(".resource(..)"), "{}: {error}", vendor.name);
        assert!(build(settings().resource("my-resource-1"), nothing()).is_ok(), "{}", vendor.name);
        for bad in ["x#", "x/../", "x@evil", "evil.example.com/", ""] {
            let error = build(settings().resource(bad), nothing()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{}: {bad}", vendor.name);
        }
        for variable in vendor.resource_env {
            assert!(build(settings(), Environment::of([(*variable, "my-resource-1")])).is_ok());
            assert!(build(settings(), Environment::of([(*variable, "x@evil")])).is_err());
        }
    }
    assert!(templates >= 5);
    let vertex = || Settings::vendor("vertex").resource("my-project-1");
    let error = build(vertex(), nothing()).unwrap_err();
    assert!(error.message().contains(".region(..)") && error.message().contains("GOOGLE_CLOUD_LOCATION"));
    for bad in ["x#", "x/../", "x@evil", "evil.example.com/", ""] {
        let error = build(vertex().region(bad), nothing()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
        assert!(build(vertex(), Environment::of([("GOOGLE_CLOUD_LOCATION", "x@evil")])).is_err());
    }
    assert!(build(Settings::vendor("openai").region("eu"), nothing()).is_err());
    assert!(build(Settings::vendor("openai").resource("x"), nothing()).is_err());
}

#[test]
fn a_key_without_the_rest_of_the_address_registers_nobody_from_the_environment() {
    let client = |pairs: &[(&str, &str)]| {
        let environment = Environment::of(pairs.iter().copied());
        Client::builder().environment(environment).vendors_from_env().build().expect("one is complete")
    };
    let some =
        client(&[("OPENAI_API_KEY", "k"), ("AZURE_OPENAI_API_KEY", "k"), ("CLOUDFLARE_API_TOKEN", "k")]);
    let more = client(&[
        ("AZURE_OPENAI_API_KEY", "k"),
        ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/"),
        ("CLOUDFLARE_API_TOKEN", "k"),
        ("CLOUDFLARE_ACCOUNT_ID", "0123abcd"),
    ]);

    assert_eq!(some.providers(), ["openai"]);
    assert_eq!(more.providers(), ["azure", "cloudflare"]);
}

//! Names of the OpenTelemetry conventions for generative AI, as of `semantic-conventions-genai` in November 2026
//! (status: development).

/// `gen_ai.provider.name` for our provider names that the conventions spell differently.
pub(super) fn provider_name(provider: &str) -> &str {
    match provider {
        "google" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "bedrock" => "aws.bedrock",
        "azure" => "azure.ai.openai",
        "mistral" => "mistral_ai",
        "moonshot" => "moonshot_ai",
        "xai" => "x_ai",
        other => other,
    }
}

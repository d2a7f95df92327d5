//! What the catalogue knows of a model that an encoder must know.

/// Facts about a model that change how a request to it is written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelHints {
    /// The most tokens it can generate; some formats must send a limit.
    pub max_output_tokens: Option<u64>,
    /// Does it take `temperature`, `top_p` and `top_k`?
    pub sampling: Sampling,
    /// Does it take a JSON Schema for its answer?
    pub schema: SchemaSupport,
}

/// Does a model take a JSON Schema for its answer?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaSupport {
    /// Nobody said.
    #[default]
    Unknown,
    /// It does.
    Accepted,
    /// It refuses it.
    Refused,
}

/// Does a model take `temperature`, `top_p` and `top_k`?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// Nobody said.
    #[default]
    Unknown,
    /// It does.
    Accepted,
    /// It refuses them.
    Refused,
}

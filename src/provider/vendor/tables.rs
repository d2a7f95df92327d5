//! The price tables of all vendors.

use super::Vendor;
use crate::catalog::Table;

/// The built-in price tables, one per vendor, for [`Catalogue::from_tables`](crate::catalog::Catalogue::from_tables).
pub fn catalogue_tables() -> Vec<Table> {
    let listed = VENDORS.iter().map(|vendor| Table::new(vendor.name, vendor.aliases, vendor.models));
    listed.chain(TABLES).collect()
}

const VENDORS: [&Vendor; 20] = [
    &super::azure::BUILTIN,
    &super::azure_ai::BUILTIN,
    &super::bedrock::BUILTIN,
    &super::cohere::BUILTIN,
    &super::deepinfra::BUILTIN,
    &super::jina::BUILTIN,
    &super::meta::BUILTIN,
    &super::minimax::BUILTIN,
    &super::moonshot::BUILTIN,
    &super::nebius::BUILTIN,
    &super::ovhcloud::BUILTIN,
    &super::perplexity::BUILTIN,
    &super::qwen_cn::BUILTIN,
    &super::sambanova::BUILTIN,
    &super::scaleway::BUILTIN,
    &super::stackit::BUILTIN,
    &super::vertex::BUILTIN,
    &super::voyage::BUILTIN,
    &super::zai::BUILTIN,
    &super::zhipu::BUILTIN,
];

const TABLES: [Table; 12] = [
    Table::new("anthropic", &[], include_str!("anthropic/models.json")),
    Table::new("cerebras", &[], include_str!("cerebras/models.json")),
    Table::new("deepseek", &[], include_str!("deepseek/models.json")),
    Table::new("fireworks", &[], include_str!("fireworks/models.json")),
    Table::new("google", &["gemini"], include_str!("google/models.json")),
    Table::new("groq", &[], include_str!("groq/models.json")),
    Table::new("mistral", &[], include_str!("mistral/models.json")),
    Table::new("openai", &[], include_str!("openai/models.json")),
    Table::new("openrouter", &[], include_str!("openrouter/models.json")),
    Table::new("qwen", &["dashscope"], include_str!("qwen/models.json")),
    Table::new("together", &[], include_str!("together/models.json")),
    Table::new("xai", &[], include_str!("xai/models.json")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalogue;

    #[test]
    fn every_table_can_be_read() {
        let catalogue = Catalogue::from_tables(&catalogue_tables());

        catalogue.check().unwrap();

        assert!(catalogue.models().len() > 2_000);
        for table in catalogue_tables() {
            assert!(!catalogue.models_of(table.provider).is_empty(), "{table:?}");
        }
    }

    #[test]
    fn every_name_in_a_table_leads_to_its_own_row() {
        let catalogue = Catalogue::from_tables(&catalogue_tables());

        for (provider, model) in catalogue.models() {
            for name in std::iter::once(&model.id).chain(model.aliases.iter()) {
                let found = catalogue.find(provider, name).unwrap();
                assert_eq!((&found.id, &found.price), (&model.id, &model.price), "{provider}/{name}");
            }
        }
    }

    #[test]
    fn the_tables_are_small() {
        let bytes: usize = catalogue_tables().iter().map(|table| table.json.len()).sum();

        assert!(bytes <= 280_000, "{bytes} bytes");
    }
}

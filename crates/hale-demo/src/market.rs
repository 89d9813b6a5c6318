//! What is bought and sold: the nouns of the marketplace and its price list.

use serde::{Deserialize, Serialize};

/// Something that can be insured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its name in addresses.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it covers.
    pub about: String,
    /// What 1000 € of cover cost a month at the base rate, in cents.
    pub base_cents: u64,
    /// Cover that can be chosen, in whole euros.
    pub cover_min_eur: u64,
    /// Likewise.
    pub cover_max_eur: u64,
}

/// What a customer asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// Of which product.
    pub product: String,
    /// Age of the insured person, in years.
    pub age: u32,
    /// Cover, in whole euros.
    pub cover_eur: u64,
}

/// A price that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Names it when it is bought.
    pub id: String,
    /// What was asked.
    pub product: String,
    /// Likewise.
    pub age: u32,
    /// Likewise.
    pub cover_eur: u64,
    /// What it costs a month, in cents.
    pub monthly_cents: u64,
}

/// What a customer buys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRequest {
    /// [`Quote::id`].
    pub quote: String,
    /// Who is insured.
    pub holder: String,
}

/// A contract, paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its number.
    pub number: i64,
    /// Who is insured.
    pub holder: String,
    /// Of what.
    pub product: String,
    /// Cover, in whole euros.
    pub cover_eur: u64,
    /// What it costs a month, in cents.
    pub monthly_cents: u64,
}

/// What a service says about itself on `/health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub service: String,
    /// Its process.
    pub pid: u32,
    /// When it began, in milliseconds after 1970: in a container its pid is always the same.
    pub begun_ms: u64,
    /// Whether it does its work.
    pub healthy: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Faults that were asked for and whose cause is still there.
    pub faults: Vec<String>,
    /// Anonymous memory that it holds.
    pub memory_bytes: u64,
    /// CPU that it wanted of late, in percent of one core.
    pub cpu_percent: f64,
}

/// Ages of the insured, in bands; each has its factor in [`RATES_PERCENT`].
pub const AGE_BANDS: [u32; 5] = [25, 40, 55, 70, 120];
/// What each band pays, in percent of the base rate.
pub const RATES_PERCENT: [u64; 5] = [130, 100, 110, 145, 210];
/// Characters of a holder's name.
pub const HOLDER_CHARS_MAX: usize = 80;

/// The price list.
pub fn products() -> Vec<Product> {
    let product = |id: &str, name: &str, about: &str, base_cents, min, max| Product {
        id: id.to_owned(),
        name: name.to_owned(),
        about: about.to_owned(),
        base_cents,
        cover_min_eur: min,
        cover_max_eur: max,
    };
    vec![
        product(
            "bicycle",
            "Bicycle",
            "Theft, vandalism and crashes of bikes and e-bikes.",
            310,
            200,
            12_000,
        ),
        product(
            "household",
            "Household",
            "Fire, water, storm and burglary at home.",
            18,
            5_000,
            250_000,
        ),
        product(
            "liability",
            "Liability",
            "What you break that belongs to somebody else.",
            2,
            100_000,
            10_000_000,
        ),
        product(
            "travel",
            "Travel",
            "Illness abroad, cancelled trips, lost luggage.",
            95,
            500,
            50_000,
        ),
        product(
            "pet",
            "Pets",
            "Vets' bills of dogs and cats, operations included.",
            240,
            500,
            20_000,
        ),
        product(
            "legal",
            "Legal",
            "Lawyers and courts in private and at work.",
            12,
            10_000,
            500_000,
        ),
    ]
}

/// The band of an age.
pub fn band_of(age: u32) -> usize {
    AGE_BANDS.iter().position(|limit| age < *limit).unwrap_or(AGE_BANDS.len() - 1)
}

/// What it costs a month, in cents; at least one.
pub fn monthly_cents(product: &Product, cover_eur: u64, rate_percent: u64) -> u64 {
    (product.base_cents.saturating_mul(cover_eur).saturating_mul(rate_percent) / 100_000).max(1)
}

/// Cents as people read them.
pub fn euros(cents: u64) -> String {
    format!("{}.{:02} €", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_fall_into_bands() {
        for (age, band) in [(0, 0), (24, 0), (25, 1), (54, 2), (55, 3), (70, 4), (119, 4), (200, 4)]
        {
            assert_eq!(band_of(age), band, "{age}");
        }
    }

    #[test]
    fn a_price_grows_with_cover_and_never_overflows() {
        let bike = products().remove(0);
        assert_eq!(monthly_cents(&bike, 1000, 100), 310);
        assert_eq!(monthly_cents(&bike, 2000, 130), 806);
        assert_eq!(euros(806), "8.06 €");
        assert!(monthly_cents(&bike, u64::MAX, u64::MAX) >= 1);
        assert_eq!(monthly_cents(&bike, 0, 100), 1);
    }
}

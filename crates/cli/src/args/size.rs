//! Amounts of memory as people write them.

/// Parses a number with an optional unit: `4GB` and `4G` are powers of 1000, `512MiB` of 1024.
pub fn parse(text: &str) -> Result<u64, String> {
    const ADVICE: &str = "write a size as in 512MiB, 1.5G or 4GB";
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| ADVICE)?;
    let unit = unit.trim().to_ascii_lowercase();
    let base = if unit.ends_with("ib") { 1024_f64 } else { 1000_f64 };
    let power = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" if !unit.ends_with("ib") => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(ADVICE.into()),
    };
    let bytes = number * base.powi(power);
    if !(1.0..=9e18).contains(&bytes) {
        return Err("it must be at least one byte and less than 9 million TB".into());
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn units_are_decimal_or_binary() {
        assert_eq!(parse("4GB"), Ok(4_000_000_000));
        assert_eq!(parse("512MiB"), Ok(512 << 20));
        assert_eq!(parse("1.5G"), Ok(1_500_000_000));
        assert_eq!(parse("1 kib"), Ok(1024));
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("7b"), Ok(7));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "GB", "1XB", "-1GB", "0", "1e3", "1.2.3M", "99999999999TB", "1bib"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

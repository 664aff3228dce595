//! The sizes of the tables, which follow from the scale factor.

use crate::scale::ScaleFactor;

/// Rows of `customer`.
pub fn customers(scale: ScaleFactor) -> u64 {
    scale.scaled(30_000)
}

/// Rows of `supplier`.
pub fn suppliers(scale: ScaleFactor) -> u64 {
    scale.scaled(2_000)
}

/// Rows of `part`: logarithmic from scale factor 1, linear below.
pub fn parts(scale: ScaleFactor) -> u64 {
    match scale.whole() {
        0 => scale.scaled(200_000),
        whole => 200_000 * (1 + u64::from(whole.ilog2())),
    }
}

/// Orders, each of one to seven lines of `lineorder`.
pub fn orders(scale: ScaleFactor) -> u64 {
    scale.scaled(1_500_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(text: &str) -> ScaleFactor {
        text.parse().expect("a scale factor within the bounds")
    }

    #[test]
    fn sizes_follow_the_specification() {
        for (text, expected) in [
            ("1", [30_000, 2_000, 200_000, 1_500_000]),
            ("2", [60_000, 4_000, 400_000, 3_000_000]),
            ("3.5", [105_000, 7_000, 400_000, 5_250_000]),
            ("10", [300_000, 20_000, 800_000, 15_000_000]),
            ("100", [3_000_000, 200_000, 1_400_000, 150_000_000]),
        ] {
            let scale = scale(text);
            let sizes = [customers(scale), suppliers(scale), parts(scale), orders(scale)];
            assert_eq!(sizes, expected, "at {text}");
        }
    }

    #[test]
    fn fractions_are_exact_and_round_up_to_at_least_one_row() {
        let hundredth = scale("0.01");
        assert_eq!((customers(hundredth), suppliers(hundredth)), (300, 20));
        assert_eq!((parts(hundredth), orders(hundredth)), (2_000, 15_000));
        let least = scale("0.000001");
        assert_eq!((customers(least), suppliers(least)), (1, 1));
        assert_eq!((parts(least), orders(least)), (1, 2));
    }
}

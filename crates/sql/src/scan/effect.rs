//! Whether a condition that may be left out is worth its time; a policy, which sees counts only.

/// How many rows a condition was asked about, and how many of them it left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effect {
    asked: usize,
    left: usize,
    /// Morsels since it was last asked.
    skipped: usize,
}

impl Effect {
    /// Morsels after which a condition that did not pay is tried again.
    const RETRY_MORSELS: usize = 64;
    /// The share of rows that a condition may leave and still pay.
    const SHARE_MAX: f64 = 0.9;

    pub(super) fn record(&mut self, asked: usize, left: usize) {
        self.asked += asked;
        self.left += left;
        self.skipped = 0;
    }

    /// The share of rows that it leaves; one that has not been asked comes first.
    pub(super) fn share(&self) -> f64 {
        if self.asked == 0 { 0.0 } else { self.left as f64 / self.asked as f64 }
    }

    /// Whether asking pays; every now and then it is worth a try.
    pub(super) fn pays(&mut self) -> bool {
        self.skipped += 1;
        self.share() < Self::SHARE_MAX || self.skipped > Self::RETRY_MORSELS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_nobody_has_asked_is_asked_first() {
        let mut effect = Effect::default();
        assert!(effect.share() < f64::EPSILON && effect.pays());
    }

    #[test]
    fn a_condition_that_leaves_most_rows_is_tried_again_after_a_while() {
        let mut effect = Effect::default();
        effect.record(1_000, 900);
        let asked = (0..3 * Effect::RETRY_MORSELS).filter(|_| {
            let pays = effect.pays();
            if pays {
                effect.record(1_000, 1_000);
            }
            pays
        });
        assert_eq!(asked.collect::<Vec<_>>(), [64, 129]);
    }

    #[test]
    fn a_condition_that_begins_to_pay_is_asked_from_then_on() {
        let mut effect = Effect::default();
        effect.record(1_000, 1_000);
        assert!(!effect.pays());
        effect.record(1_000, 100);
        assert!(effect.pays() && effect.pays());
        effect.record(1_000, 899);
        assert!((effect.share() - 1_999.0 / 3_000.0).abs() < f64::EPSILON);
    }
}

//! Dates as year, month and day of the Gregorian calendar, for all that the types can hold.
//!
//! Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March, so that the
//! leap day is the last of its year.

/// Microseconds of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

/// Days of 400 years.
const CYCLE_DAYS: i64 = 146_097;

/// A day of the calendar. Years before 1 are 0, -1 and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

/// The day that is this many days after 1970-01-01.
pub(super) fn day_of(days: i64) -> Day {
    let shifted = days + 719_468;
    let cycle = shifted.div_euclid(CYCLE_DAYS);
    let day_of_cycle = shifted.rem_euclid(CYCLE_DAYS);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    Day { year, month, day }
}

impl Day {
    /// Days since 1970-01-01.
    pub(super) fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let cycle = year.div_euclid(400);
        let year_of_cycle = year.rem_euclid(400);
        let march_month = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let day_of_year = (153 * march_month + 2) / 5 + self.day - 1;
        let day_of_cycle =
            year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
        cycle * CYCLE_DAYS + day_of_cycle - 719_468
    }

    /// Months since the year 0.
    pub(super) fn months(self) -> i64 {
        self.year * 12 + self.month - 1
    }

    /// From 1.
    pub(super) fn day_of_year(self) -> i64 {
        self.days() - Self { month: 1, day: 1, ..self }.days() + 1
    }

    /// From 0 for Sunday.
    pub(super) fn weekday(self) -> i64 {
        (self.days() + 4).rem_euclid(7)
    }

    /// Year and number of the ISO week.
    pub(super) fn iso_week(self) -> (i64, i64) {
        // The week belongs to the year of its Thursday.
        let thursday = day_of(self.days() - (self.weekday() + 6) % 7 + 3);
        (thursday.year, (thursday.day_of_year() - 1) / 7 + 1)
    }
}

/// Days of a month.
pub(super) fn month_days(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        let mut before = day_of(-800_000);
        for days in -799_999..3_000_000 {
            let day = day_of(days);
            assert_eq!(day.days(), days);
            let next = match (before.day == month_days(before.year, before.month), before.month) {
                (false, _) => Day { day: before.day + 1, ..before },
                (true, 12) => Day { year: before.year + 1, month: 1, day: 1 },
                (true, _) => Day { month: before.month + 1, day: 1, ..before },
            };
            assert_eq!(day, next);
            before = day;
        }
        assert_eq!(day_of(0), Day { year: 1970, month: 1, day: 1 });
    }

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        let week = |year, month, day| Day { year, month, day }.iso_week();
        assert_eq!(week(2024, 12, 30), (2025, 1));
        assert_eq!(week(2023, 1, 1), (2022, 52));
        assert_eq!(week(2020, 12, 31), (2020, 53));
        assert_eq!(Day { year: 2024, month: 2, day: 25 }.weekday(), 0);
        assert_eq!(Day { year: 2024, month: 12, day: 31 }.day_of_year(), 366);
    }
}

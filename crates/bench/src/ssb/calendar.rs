//! The days of 1992 to 1998, which the `date` dimension holds and orders refer to.

use std::sync::LazyLock;

/// The first year.
pub const FIRST_YEAR: i32 = 1992;
/// The last year.
pub const LAST_YEAR: i32 = 1998;
/// Days from 1992-01-01 to 1998-08-02, the days on which orders are placed: the last line of an
/// order may be committed, shipped and received later, and all of it within the calendar.
pub const ORDER_DAYS: usize = 2_406;

/// Names of the months.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of the days of the week, Sunday first as the benchmark has it.
pub const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// 1992-01-01 was a Wednesday.
const FIRST_WEEKDAY: i32 = 3;

/// The holidays of the benchmark's own generator, as (month, day).
const HOLIDAYS: [(i32, i32); 10] =
    [(1, 1), (2, 20), (4, 20), (5, 20), (7, 20), (8, 20), (9, 20), (10, 20), (11, 20), (12, 24)];

/// One day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The year, 1992 to 1998.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: i32,
    /// The day of the month, 1 to 31.
    pub day: i32,
    /// The day of the year, 1 to 366.
    pub day_of_year: i32,
    /// The day of the week, 0 for Sunday to 6.
    pub weekday: i32,
}

impl Day {
    /// The key of the day: its year, month and day as decimal digits, 19920101.
    pub fn key(&self) -> i32 {
        self.year * 10_000 + self.month * 100 + self.day
    }

    /// The week of the year, 1 to 53. Week 1 has six days, because the benchmark's generator
    /// divides the day of the year, which counts from 1, by 7.
    pub fn week_of_year(&self) -> i32 {
        self.day_of_year / 7 + 1
    }

    /// Whether the next day belongs to another month.
    pub fn ends_month(&self) -> bool {
        self.day == days_of_month(self.year, self.month)
    }

    /// Whether the day is one of the benchmark's holidays.
    pub fn is_holiday(&self) -> bool {
        HOLIDAYS.contains(&(self.month, self.day))
    }

    /// The selling season that the month belongs to.
    pub fn season(&self) -> &'static str {
        match self.month {
            1..=3 => "Winter",
            4 => "Spring",
            5..=8 => "Summer",
            9..=10 => "Fall",
            _ => "Christmas",
        }
    }
}

/// Every day of the calendar in order; index 0 is 1992-01-01.
pub fn days() -> &'static [Day] {
    static DAYS: LazyLock<Vec<Day>> = LazyLock::new(all_days);
    &DAYS
}

fn all_days() -> Vec<Day> {
    let mut days = Vec::new();
    for year in FIRST_YEAR..=LAST_YEAR {
        let mut day_of_year = 0;
        for month in 1..=12 {
            for day in 1..=days_of_month(year, month) {
                day_of_year += 1;
                let weekday = (days.len() as i32 + FIRST_WEEKDAY) % 7;
                days.push(Day { year, month, day, day_of_year, weekday });
            }
        }
    }
    days
}

/// Days of a month; within 1901 to 2099 every fourth year is a leap year.
fn days_of_month(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_has_seven_years_with_two_leap_days() {
        assert_eq!(days().len(), 2_557);
        let key = |index: usize| days()[index].key();
        assert_eq!((key(0), key(days().len() - 1)), (19_920_101, 19_981_231));
        assert_eq!(key(ORDER_DAYS - 1), 19_980_802);
        assert!(days().is_sorted_by_key(Day::key));
        for leap in [19_920_229, 19_960_229] {
            assert!(days().iter().any(|day| day.key() == leap), "{leap} is missing");
        }
    }

    #[test]
    fn known_days_have_their_attributes() {
        let day = |key| *days().iter().find(|day| day.key() == key).expect("a day of the calendar");
        let last = day(19_981_231);
        assert_eq!(WEEKDAYS[last.weekday as usize], "Thursday");
        assert_eq!((last.day_of_year, last.week_of_year()), (365, 53));
        assert!(last.ends_month() && !last.is_holiday());
        assert_eq!(last.season(), "Christmas");
        assert_eq!((day(19_940_204).week_of_year(), day(19_940_210).week_of_year()), (6, 6));
        assert_eq!((day(19_940_203).week_of_year(), day(19_940_211).week_of_year()), (5, 7));
        assert!(day(19_960_229).ends_month() && day(19_951_224).is_holiday());
        assert_eq!(day(19_961_231).day_of_year, 366);
    }
}

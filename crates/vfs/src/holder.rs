//! Who holds a lock, in words: what a second writer is told of the first.

use std::time::{SystemTime, UNIX_EPOCH};

/// This process: its number, machine, command and the time.
pub fn describe_process() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|host| host.trim().to_owned())
        .filter(|host| !host.is_empty());
    let host = host.map(|host| format!(" on {host}")).unwrap_or_default();
    let command = std::env::args_os()
        .next()
        .and_then(|path| {
            let path = std::path::PathBuf::from(path);
            path.file_name().map(|name| name.to_string_lossy().into_owned())
        })
        .unwrap_or_else(|| "unknown".into());
    format!("process {}{host} ({command}, since {} UTC)", std::process::id(), utc(since))
}

/// Seconds since 1970 as date and time, after "chrono-Compatible Low-Level Date Algorithms"
/// (Hinnant, 2013).
fn utc(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(utc(4_107_542_399), "2100-02-28 23:59:59");
    }

    #[test]
    fn a_holder_names_its_process() {
        let text = describe_process();
        assert!(text.starts_with(&format!("process {}", std::process::id())), "{text}");
        assert!(text.contains("since 2"), "{text}");
    }
}

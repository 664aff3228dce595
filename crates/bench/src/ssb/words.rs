//! The words that columns draw from, and string columns made of them.
//!
//! A column of few distinct words is generated as indices into its word list and turned into a
//! string view array at once: its rows share the bytes of the list.

use super::random::Random;
use arrow::array::{ArrayRef, Int32Array, StringViewArray};
use arrow::compute::take;

/// The regions.
pub const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];

/// The nations, five a region, each with the index of its region; in the order of TPC-H, which is
/// the order of the country codes in phone numbers.
pub const NATIONS: [(&str, usize); 25] = [
    ("ALGERIA", 0),
    ("ARGENTINA", 1),
    ("BRAZIL", 1),
    ("CANADA", 1),
    ("EGYPT", 4),
    ("ETHIOPIA", 0),
    ("FRANCE", 3),
    ("GERMANY", 3),
    ("INDIA", 2),
    ("INDONESIA", 2),
    ("IRAN", 4),
    ("IRAQ", 4),
    ("JAPAN", 2),
    ("JORDAN", 4),
    ("KENYA", 0),
    ("MOROCCO", 0),
    ("MOZAMBIQUE", 0),
    ("PERU", 1),
    ("CHINA", 2),
    ("ROMANIA", 3),
    ("SAUDI ARABIA", 4),
    ("VIETNAM", 2),
    ("RUSSIA", 3),
    ("UNITED KINGDOM", 3),
    ("UNITED STATES", 1),
];

/// Cities of a nation, numbered 0 to 9.
pub const CITIES_A_NATION: usize = 10;

/// Market segments of customers.
pub const SEGMENTS: [&str; 5] = ["AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY"];

/// Priorities of orders.
pub const PRIORITIES: [&str; 5] = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];

/// Ship modes of lines.
pub const SHIP_MODES: [&str; 7] = ["REG AIR", "AIR", "RAIL", "TRUCK", "MAIL", "FOB", "SHIP"];

/// Manufacturers; each has [`CATEGORIES_A_MFGR`] categories.
pub const MFGRS: usize = 5;
/// Categories of a manufacturer; each has [`BRANDS_A_CATEGORY`] brands.
pub const CATEGORIES_A_MFGR: usize = 5;
/// Brands of a category.
pub const BRANDS_A_CATEGORY: usize = 40;

/// The three words of a part type: 150 combinations.
pub const TYPE_SIZES: [&str; 6] = ["STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO"];
/// See [`TYPE_SIZES`].
pub const TYPE_FINISHES: [&str; 5] = ["ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"];
/// See [`TYPE_SIZES`].
pub const TYPE_METALS: [&str; 5] = ["TIN", "NICKEL", "BRASS", "STEEL", "COPPER"];

/// The two words of a container: 40 combinations.
pub const CONTAINER_SIZES: [&str; 5] = ["SM", "LG", "MED", "JUMBO", "WRAP"];
/// See [`CONTAINER_SIZES`].
pub const CONTAINER_KINDS: [&str; 8] = ["CASE", "BOX", "BAG", "JAR", "PACK", "PKG", "CAN", "DRUM"];

/// Colours of parts and the words of their names.
pub const COLORS: [&str; 92] = [
    "almond",
    "antique",
    "aquamarine",
    "azure",
    "beige",
    "bisque",
    "black",
    "blanched",
    "blue",
    "blush",
    "brown",
    "burlywood",
    "burnished",
    "chartreuse",
    "chiffon",
    "chocolate",
    "coral",
    "cornflower",
    "cornsilk",
    "cream",
    "cyan",
    "dark",
    "deep",
    "dim",
    "dodger",
    "drab",
    "firebrick",
    "floral",
    "forest",
    "frosted",
    "gainsboro",
    "ghost",
    "goldenrod",
    "green",
    "grey",
    "honeydew",
    "hot",
    "indian",
    "ivory",
    "khaki",
    "lace",
    "lavender",
    "lawn",
    "lemon",
    "light",
    "lime",
    "linen",
    "magenta",
    "maroon",
    "medium",
    "metallic",
    "midnight",
    "mint",
    "misty",
    "moccasin",
    "navajo",
    "navy",
    "olive",
    "orange",
    "orchid",
    "pale",
    "papaya",
    "peach",
    "peru",
    "pink",
    "plum",
    "powder",
    "puff",
    "purple",
    "red",
    "rose",
    "rosy",
    "royal",
    "saddle",
    "salmon",
    "sandy",
    "seashell",
    "sienna",
    "sky",
    "slate",
    "smoke",
    "snow",
    "spring",
    "steel",
    "tan",
    "thistle",
    "tomato",
    "turquoise",
    "violet",
    "wheat",
    "white",
    "yellow",
];

/// The characters of addresses: 64, so six random bits choose one.
const ADDRESS_CHARACTERS: &[u8; 64] =
    b"0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,";

/// The city of nation `nation` with number `city`: the nation's name cut or padded to nine
/// characters, and a digit.
pub fn city(nation: usize, city: usize) -> String {
    format!("{:<9.9}{city}", NATIONS[nation].0)
}

/// Replaces `address` by 6 to 24 random characters: 15 on average, as in TPC-H's variable strings.
pub fn address(random: &mut Random, address: &mut String) {
    const CHARACTERS_A_DRAW: usize = 10;
    address.clear();
    let mut left = random.between(6, 24) as usize;
    while left > 0 {
        let mut bits = random.bits();
        for _ in 0..left.min(CHARACTERS_A_DRAW) {
            address.push(char::from(ADDRESS_CHARACTERS[(bits & 63) as usize]));
            bits >>= 6;
        }
        left -= left.min(CHARACTERS_A_DRAW);
    }
}

/// A phone number whose country code is that of `nation`.
pub fn phone(random: &mut Random, nation: usize) -> String {
    let area = random.between(100, 999);
    let exchange = random.between(100, 999);
    let number = random.between(1_000, 9_999);
    format!("{:02}-{area}-{exchange}-{number}", 10 + nation)
}

/// The column whose row `i` is word `indices[i]` of `words`.
///
/// # Panics
/// If an index is outside the list, which would be a mistake of the generator.
pub fn column(words: &StringViewArray, indices: Vec<i32>) -> ArrayRef {
    take(words, &Int32Array::from(indices), None).expect("every index names a word")
}

/// A word list that [`column`] takes from.
pub fn list<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> StringViewArray {
    StringViewArray::from_iter_values(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_its_nation_in_nine_characters_and_a_digit() {
        assert_eq!(city(23, 1), "UNITED KI1");
        assert_eq!(city(17, 3), "PERU     3");
    }

    #[test]
    fn every_region_has_five_nations() {
        for (region, name) in REGIONS.iter().enumerate() {
            let nations = NATIONS.iter().filter(|(_, of)| *of == region).count();
            assert_eq!(nations, 5, "nations of {name}");
        }
    }

    #[test]
    fn addresses_have_6_to_24_characters() {
        let mut text = String::new();
        let lengths: Vec<usize> = (0..2_000)
            .map(|row| {
                address(&mut Random::new(1, 1, row), &mut text);
                text.len()
            })
            .collect();
        assert_eq!(lengths.iter().min(), Some(&6));
        assert_eq!(lengths.iter().max(), Some(&24));
    }

    #[test]
    fn a_phone_number_begins_with_its_nation() {
        let phone = phone(&mut Random::new(1, 1, 1), 15);
        assert_eq!(phone.len(), 15);
        assert!(phone.starts_with("25-"), "{phone}");
    }
}

//! What earlier versions wrote can be opened, and the document says what this one writes.

use super::support::*;
use crate::{LoadOptions, MANIFEST_VERSION, manifest, paths};
use starfact_base::ColumnId;
use starfact_vfs::{Dir, MemDir, OsDir};

/// The folder of all fixtures; the example `fixture` made those of each version once.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/fixtures");
const DOCUMENT: &str = include_str!("../../../../docs/FORMAT.md");

fn fixture(version: u32) -> MemDir {
    let from = OsDir::open(format!("{FOLDER}/warehouse-v{version}")).unwrap();
    let dir = MemDir::new();
    for path in files(&from, "") {
        let mut file = dir.create(&path).unwrap();
        file.write(&from.read(&path).unwrap()).unwrap();
        file.finish().unwrap();
    }
    dir
}

#[test]
fn warehouses_of_every_version_open_and_take_rows() {
    for version in 1..=MANIFEST_VERSION {
        let dir = fixture(version);
        assert_eq!(read(&open_to_read(&dir), "sale", "day"), ["10", "10", "20", "30"]);
        let store = open(&dir);
        assert_sound(&store);
        assert_eq!(read(&store, "nation", "id"), ["1", "2", "3", "9", "7"]);
        assert_eq!(read(&store, "nation", "name"), ["Peru", "NULL", "Chad", "Fiji", "NULL"]);
        assert_eq!(read(&store, "sale", "id"), ["1", "2", "4", "3"]);
        assert_eq!(read(&store, "sale", "nation"), ["1", "3", "7", "NULL"]);
        let sale = table(&store, "sale");
        assert!(sale.is_sorted());
        let hidden = sale.foreign_keys()[0].ordinal_column;
        assert_eq!(values(&sale, hidden), ["0", "2", "4", "NULL"]);
        if version >= 2 {
            let city = |one, other| [one, "NULL", other, other].repeat(10);
            let [lima, suva, moundou] = ["Lima", "Suva", "Moundou"];
            let expected = [city(lima, moundou), city(suva, moundou), city(moundou, suva)];
            assert_eq!(read(&store, "visit", "city"), expected.concat());
            let visit = table(&store, "visit");
            let dictionary = |segment: usize| visit.segments()[segment].dictionary(ColumnId(1));
            let numbers = [0, 1, 2].map(|segment| dictionary(segment).unwrap().number());
            assert!(numbers[0] < numbers[1] && numbers[1] == numbers[2], "{numbers:?}");
            assert_eq!(dictionary(2).unwrap().values().unwrap().len(), 3);
        }
        if version >= 3 {
            let stock = table(&store, "stock");
            let live = |id| live_values(&stock, ColumnId(id));
            assert_eq!(live(1), ["4", "5", "1", "7"]);
            assert_eq!(live(2), ["40", "50", "11", "70"]);
            let ordinals = stock.segments.iter().flat_map(|it| it.ordinals(0).unwrap());
            assert_eq!(ordinals.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 0, 6]);
            insert(&store, "stock", vec![batch(vec![ints([2, 6]), ints([21, 61])])]).unwrap();
            assert!(insert(&store, "stock", vec![batch(vec![ints([7]), ints([1])])]).is_err());
            let reading = |column| read(&store, "reading", column);
            assert_eq!(reading("level"), ["3.00", "-1.00", "4.50", "NULL"]);
            assert_eq!(reading("unit"), ["mm", "mm", "cm", "mm"]);
            assert_eq!(reading("share"), ["0.5", "0.5", "NULL", "0.25"]);
            assert!(table(&store, "reading").column_named("note").is_none());
        }
        if version >= 4 {
            let trip = table(&store, "trip");
            let file = trip.segments()[0].column(ColumnId(1)).unwrap().unwrap();
            assert!(file.block(0).unwrap().tree().starts_with("derived(key of c2, constant)"));
            let place_of = |n: i64| n * n + 3 * n;
            let trips = (0..12_000).map(|n| match n % 1_000 {
                7 => "NULL".into(),
                _ => place_of(n * 7_919 % 5_000).to_string(),
            });
            assert_eq!(values(&trip, ColumnId(1)), trips.collect::<Vec<String>>());
        }
        if version >= 5 {
            let stop = table(&store, "stop");
            assert!(stop.is_sorted());
            assert_eq!(read(&store, "stop", "nation"), ["1", "9", "7", "NULL"]);
            assert_eq!(values(&stop, stop.sorted_by()[0]), ["0", "3", "4", "NULL"]);
        }
        if version >= 6 {
            let snapshot = store.snapshot().unwrap();
            let (cells, part) = snapshot.cube_parts().next().unwrap();
            assert_eq!((part.cube.as_str(), part.place), ("stops", 0));
            assert_eq!(part.tables, [table(&store, "stop").id()]);
            assert_eq!(values(cells, ColumnId(1)), ["1", "7", "9", "NULL"]);
            assert_eq!(values(cells, ColumnId(2)), ["1", "1", "1", "1"]);
            assert!(snapshot.table("cube stops 0").is_none());
            assert!(snapshot.tables().all(|table| table.cube().is_none()));
        }
        let rows = |id, name| batch(vec![ints([id]), texts([name])]);
        assert!(insert(&store, "nation", vec![rows(7, "Oman")]).is_err());
        assert!(insert(&store, "nation", vec![rows(8, "Fiji")]).is_err());
        insert(&store, "nation", vec![rows(8, "Oman")]).unwrap();
        insert(&store, "sale", vec![batch(vec![ints([5]), ints([9]), ints([40])])]).unwrap();
        let sale = table(&store, "sale");
        assert_eq!(values(&sale, hidden), ["0", "2", "4", "NULL", "3"]);
        assert_sound(&store);
    }
}

/// The fenced block that follows the line `<!-- name -->`.
fn example(name: &str) -> &'static str {
    let marker = format!("<!-- {name} -->\n```text\n");
    let after = DOCUMENT.split(&marker).nth(1).expect("the document has the example");
    after.split("```").next().expect("the end of the block")
}

#[test]
fn the_documented_manifest_is_what_is_written() {
    let dir = MemDir::new();
    let store = open(&dir);
    let mut region = dimension("region");
    region.columns[0].name = "key".into();
    region.primary_key = Some(key(&["key"]));
    let mut transaction = store.begin().unwrap();
    let id = transaction.create_table(&region).unwrap();
    let rows = batch(vec![ints([1, 2, 3]), texts(["AFRICA", "ASIA", "EUROPE"])]);
    transaction.load(id, &mut std::iter::once(Ok(rows)), &LoadOptions::default()).unwrap();
    transaction.commit().unwrap();
    let text = |path: &str| String::from_utf8(dir.read(path).unwrap()).unwrap();
    assert_eq!(text(paths::CURRENT), example("CURRENT"));
    let version = manifest::read_current(&dir).unwrap().unwrap();
    assert_eq!(text(&paths::manifest(version)).trim_end(), example("manifest").trim_end());
}

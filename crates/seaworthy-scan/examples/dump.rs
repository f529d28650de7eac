use std::io::Write as _;
fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let mut out = std::io::BufWriter::new(std::io::stdout());
    for entry in std::fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        let facts = seaworthy_scan::n8n::facts(&std::fs::read(&path).expect("read"));
        writeln!(
            out,
            "{}\t{}",
            path.file_name().unwrap().to_string_lossy(),
            serde_json::to_string(&facts).unwrap()
        )
        .unwrap();
    }
}

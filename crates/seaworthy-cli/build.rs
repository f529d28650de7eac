//! Puts the pages of `docs/errors/` into the binary, for `seaworthy explain`.

use std::fs;
use std::path::Path;

fn main() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    println!("cargo:rerun-if-changed={}", pages.display());
    let mut names: Vec<String> = fs::read_dir(&pages)
        .map(|entries| {
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
        })
        .unwrap_or_default();
    names.retain(|name| name.ends_with(".md") && name != "README.md");
    names.sort();
    let lines: String = names
        .iter()
        .map(|name| {
            format!(
                "    ({:?}, include_str!({:?})),\n",
                name.trim_end_matches(".md"),
                pages.join(name)
            )
        })
        .collect();
    let code = format!("/// Every page, by code.\nconst PAGES: &[(&str, &str)] = &[\n{lines}];\n");
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = fs::write(Path::new(&out).join("pages.rs"), code) {
        println!("cargo:error=the pages of docs/errors cannot be written: {error}");
    }
}

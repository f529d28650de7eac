//! The vault keeps bytes, gives the same bytes back, and says so when it cannot.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::Read as _;
use std::path::PathBuf;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Kept;
use seaworthy_core::ports::Vault as _;
use seaworthy_core::secret::FingerprintKey;
use seaworthy_core::secret::Secret;
use seaworthy_store::FileVault;
use seaworthy_store::generate_identity;
use tempfile::TempDir;

fn key() -> FingerprintKey {
    FingerprintKey::new(*b"the workspace's fingerprint key.")
}

fn vault() -> (TempDir, FileVault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = FileVault::open(&folder.path().join("vault"), key(), &generate_identity()).unwrap();
    (folder, vault)
}

async fn keep(vault: &FileVault, mut bytes: &[u8]) -> Kept {
    vault.keep(&mut bytes).await.unwrap()
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.path().join("vault")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn what_was_kept_is_fetched_whatever_its_size() {
    let (folder, vault) = vault();
    for size in [0, 1, 65_536, 1 << 20, (1 << 20) + 1, 3_000_000] {
        let bytes: Vec<u8> = (0..size).map(|at: usize| (at * 31 / 7) as u8).collect();
        let kept = keep(&vault, &bytes).await;
        assert_eq!(kept.bytes, size as u64);
        assert_eq!(kept.name, hex::encode(key().mac(&bytes)));
        assert!(vault.fetch(&kept.name).await.unwrap() == bytes, "{size}");
    }
    assert_eq!(files(&folder).len(), 6, "nothing half is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_beside_other_tasks() {
    let (_folder, vault) = vault();
    let kept = keep(&vault, b"hello").await;
    assert_eq!(vault.fetch(&kept.name).await.unwrap(), b"hello");
}

#[tokio::test]
async fn no_file_holds_or_names_what_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, vault) = vault();
    let canary = b"canary-5f3b-canary-5f3b";
    keep(&vault, canary).await;
    let [file] = &files(&folder)[..] else { panic!("one file") };
    let bytes = std::fs::read(file).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    assert!(!bytes.windows(6).any(|piece| piece == b"canary"));
    assert_ne!(file.file_name().unwrap().to_str().unwrap(), hex::encode(sha256(canary)));
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o077, 0);
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    *seaworthy_core::ids::Digest::of(bytes).as_bytes()
}

#[tokio::test]
async fn the_same_bytes_are_kept_once() {
    let (folder, vault) = vault();
    for bytes in [vec![7; 10], vec![7; 2 << 20]] {
        let kept = keep(&vault, &bytes).await;
        let path = folder.path().join("vault").join(&kept.name);
        let before = std::fs::read(&path).unwrap();
        assert_eq!(keep(&vault, &bytes).await, kept);
        assert!(std::fs::read(&path).unwrap() == before, "it was written again");
    }
    assert_eq!(files(&folder).len(), 2);
}

#[tokio::test]
async fn a_file_that_is_not_what_was_kept_is_damaged_and_mended_by_keeping_again() {
    let (folder, vault) = vault();
    let bytes: Vec<u8> = (0..200_000u32).flat_map(|at| (at ^ 0x5bd1).to_le_bytes()).collect();
    let kept = keep(&vault, &bytes).await;
    let other = keep(&vault, b"other").await;
    let path = |name: &str| folder.path().join("vault").join(name);
    let good = std::fs::read(path(&kept.name)).unwrap();
    let flip = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bad
    };
    for (what, bad) in [
        ("cut short", good[..good.len() - 1].to_vec()),
        ("cut at a piece", good[..good.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("foreign", b"not of age".to_vec()),
        ("longer", [&good[..], b"x"].concat()),
        ("header", flip(30)),
        ("body", flip(good.len() - 40)),
        ("that of another name", std::fs::read(path(&other.name)).unwrap()),
    ] {
        std::fs::write(path(&kept.name), bad).unwrap();
        let error = vault.fetch(&kept.name).await.unwrap_err();
        assert_eq!(error.kind, FaultKind::Damaged, "{what}: {error:?}");
        assert!(error.doing.contains(&kept.name));
        assert_eq!(keep(&vault, &bytes).await, kept);
        assert!(vault.fetch(&kept.name).await.unwrap() == bytes, "{what}");
    }
}

#[tokio::test]
async fn another_key_opens_nothing() {
    let (folder, vault) = vault();
    let kept = keep(&vault, b"hello").await;
    let path = folder.path().join("vault");
    let stranger = FileVault::open(&path, key(), &generate_identity()).unwrap();
    assert_eq!(stranger.fetch(&kept.name).await.unwrap_err().kind, FaultKind::Damaged);
}

#[tokio::test]
async fn a_name_that_is_none_reaches_no_file() {
    let (folder, vault) = vault();
    std::fs::write(folder.path().join("outside"), b"x").unwrap();
    for name in ["../outside", "", "/etc/passwd", &"A".repeat(64)] {
        assert_eq!(vault.fetch(name).await.unwrap_err().kind, FaultKind::Wrong, "{name}");
    }
    let missing = vault.fetch(&"0".repeat(64)).await.unwrap_err();
    assert_eq!(missing.kind, FaultKind::Missing);
}

#[tokio::test]
async fn a_source_that_fails_leaves_nothing() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from_raw_os_error(5))
        }
    }
    let (folder, vault) = vault();
    for size in [10, 2 << 20] {
        let mut source = std::io::repeat(1).take(size).chain(Broken);
        let error = vault.keep(&mut source).await.unwrap_err();
        assert_eq!(error.doing, "reading what is to be kept");
        assert_eq!(files(&folder), [] as [PathBuf; 0]);
    }
}

#[test]
fn a_key_that_is_none_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let bad = Secret::new("AGE-SECRET-KEY-1NONSENSE");
    let error: Fault = FileVault::open(folder.path(), key(), &bad).unwrap_err();
    assert_eq!(error.kind, FaultKind::Wrong);
    assert!(!format!("{error:?}").contains("NONSENSE"));
}

#[test]
fn identities_are_new_each_time() {
    let (one, two) = (generate_identity(), generate_identity());
    assert!(one.expose().starts_with("AGE-SECRET-KEY-1"));
    assert_ne!(one.expose(), two.expose());
}

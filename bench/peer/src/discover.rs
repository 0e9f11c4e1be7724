// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A thousand folders with manifests: the same as in bench/discover.c, byte for byte.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use astrid_capsule::discovery::discover_manifests;
use tempfile::TempDir;

use crate::harness::{self, Case, MILLISECOND};

const CAPSULES: usize = 1000;
const LARGE_REST: &str = concat!(
    "ipc_publish = [\"notes.v1.found\", \"tool.v1.result.search_notes\"]\nipc_subscribe = [\"notes.v1.*\"]\n",
    "\n# Asked for when somebody looks through the notes.\n[[interceptor]]\n",
    "event = \"tool.v1.execute.search_notes\"\naction = \"search\"\n",
    "\n[[interceptor]]\nevent = \"notes.v1.changed\"\naction = \"forget\"\n",
    "\n[[tool]]\nname = \"search_notes\"\n",
    "description = \"Looks for what matches in the notes of the workspace and gives the newest first, ",
    "each with its title, its tags and the lines around what was found.\"\n",
    "[tool.input_schema]\ntype = \"object\"\nrequired = [\"query\"]\n",
    "[tool.input_schema.properties.query]\ntype = \"string\"\n",
    "description = \"Words that all have to be in a note, or a text in quotes as it stands there.\"\n",
    "[tool.input_schema.properties.limit]\ntype = \"integer\"\n",
    "minimum = 1\nmaximum = 100\ndefault = 20\n",
    "description = \"The most notes to give.\"\n",
    "[tool.input_schema.properties.tags]\ntype = \"array\"\nitems = { type = \"string\" }\n",
    "description = \"Tags, all of which a note has to have.\"\n",
);

fn write_capsules(large: bool) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for number in 0..CAPSULES {
        let folder = root.path().join(format!("capsule-{number}"));
        let mut text = format!(
            concat!(
                "[package]\nname = \"capsule-{0}\"\nversion = \"1.0.0\"\ndescription = \"One of many.\"\n\n",
                "[[component]]\nfile = \"capsule.wasm\"\n\n[capabilities]\nfs_read = [\"workspace://notes\"]\n",
            ),
            number
        );
        if large {
            text.push_str(LARGE_REST);
        }
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("Capsule.toml"), text).expect("a file");
    }
    root
}

/// What was found is dropped outside of the time, as the C program does it.
fn find(roots: &[PathBuf], count: u64) -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..count {
        let begin = Instant::now();
        let found = discover_manifests(Some(roots));
        took += begin.elapsed();
        assert_eq!(found.len(), CAPSULES);
    }
    took
}

fn case<'a>(name: &'static str, root: &TempDir) -> Case<'a> {
    let roots = [root.path().to_path_buf()];
    Case::new(name, MILLISECOND, move |count| find(&roots, count))
}

/// The crate also looks below the working directory, where there must be nothing.
pub fn discover() {
    let (small, large) = (write_capsules(false), write_capsules(true));
    std::env::set_current_dir(std::env::temp_dir()).expect("a working directory");
    assert!(!std::path::Path::new(".astrid").exists(), "there is .astrid in the folder for temporary files");
    harness::run(vec![case("discover.1000.small", &small), case("discover.1000.large", &large)]);
}

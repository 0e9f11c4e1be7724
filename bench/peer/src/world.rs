// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What capsules of the reference need around them, with state in memory; and the capsules, in folders that are written on the spot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_capsule::capsule::{Capsule, CapsuleId};
use astrid_capsule::context::{CapsuleContext, CapsuleToolContext};
use astrid_capsule::discovery::load_manifest;
use astrid_capsule::dispatcher::EventDispatcher;
use astrid_capsule::loader::CapsuleLoader;
use astrid_capsule::registry::CapsuleRegistry;
use astrid_capsule::tool::CapsuleTool;
use astrid_events::EventBus;
use astrid_storage::{KvStore, MemoryKvStore, ScopedKvStore};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

pub struct World {
    pub runtime: Runtime,
    folder: tempfile::TempDir,
    guests: PathBuf,
    loader: CapsuleLoader,
    pub bus: Arc<EventBus>,
    store: Arc<dyn KvStore>,
    registry: Arc<RwLock<CapsuleRegistry>>,
    tool_context: Arc<CapsuleToolContext>,
}

fn scope(store: &Arc<dyn KvStore>) -> ScopedKvStore {
    ScopedKvStore::new(Arc::clone(store), "capsule:bench").expect("a scope")
}

impl World {
    pub fn new(guests: &Path) -> World {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store: Arc<dyn KvStore> = Arc::new(MemoryKvStore::new());
        let tool_context = CapsuleToolContext::new(CapsuleId::from_static("bench"), folder.path().to_path_buf(), scope(&store));
        let _inside = runtime.enter();
        World {
            loader: CapsuleLoader::new(astrid_mcp::testing::test_secure_mcp_client()),
            bus: Arc::new(EventBus::with_capacity(1024)),
            registry: Arc::new(RwLock::new(CapsuleRegistry::new())),
            guests: guests.to_path_buf(),
            tool_context: Arc::new(tool_context),
            store,
            folder,
            runtime,
        }
    }

    /// Writes the folder of a capsule; `tools` has blanks between names.
    pub fn write(&self, id: &str, guest: &str, tools: &str) -> PathBuf {
        self.write_with(id, guest, tools, "")
    }

    /// The same with more of its manifest; without code if `guest` is empty.
    pub fn write_with(&self, id: &str, guest: &str, tools: &str, more: &str) -> PathBuf {
        let folder = self.folder.path().join(id);
        std::fs::create_dir(&folder).expect("a new folder");
        let mut manifest = format!("[package]\nname = \"{id}\"\nversion = \"1.0.0\"\n{more}\n");
        if !guest.is_empty() {
            manifest += "[[component]]\nid = \"main\"\nfile = \"guest.wasm\"\ntype = \"executable\"\n";
            std::fs::copy(self.guests.join(guest).with_extension("wasm"), folder.join("guest.wasm")).expect("a guest");
        }
        for tool in tools.split_whitespace() {
            manifest +=
                &format!("[[tool]]\nname = \"{tool}\"\ndescription = \"of a bench\"\ninput_schema = {{ type = \"object\" }}\n");
        }
        std::fs::write(folder.join("Capsule.toml"), manifest).expect("a manifest");
        folder
    }

    /// Loads what is in a folder.
    pub fn load(&self, folder: &Path) -> Box<dyn Capsule> {
        let manifest = load_manifest(&folder.join("Capsule.toml")).expect("a good manifest");
        let mut capsule = self.loader.create_capsule(manifest, folder.to_path_buf()).expect("a capsule");
        let context =
            CapsuleContext::new(self.folder.path().to_path_buf(), None, scope(&self.store), Arc::clone(&self.bus), None)
                .with_registry(Arc::clone(&self.registry));
        self.runtime.block_on(capsule.load(&context)).expect("a loaded capsule");
        capsule
    }

    pub fn load_new(&self, id: &str, guest: &str, tools: &str) -> Box<dyn Capsule> {
        self.load(&self.write(id, guest, tools))
    }

    pub fn unload(&self, mut capsule: Box<dyn Capsule>) {
        self.runtime.block_on(capsule.unload()).expect("an unloaded capsule");
    }

    pub fn register(&self, capsule: Box<dyn Capsule>) {
        self.runtime.block_on(self.registry.write()).register(capsule).expect("a new name");
    }

    /// Starts what calls interceptors; it has subscribed when this returns.
    pub fn dispatch(&self) {
        let before = self.bus.subscriber_count();
        self.runtime.spawn(EventDispatcher::new(Arc::clone(&self.registry), Arc::clone(&self.bus)).run());
        while self.bus.subscriber_count() == before {
            std::thread::yield_now();
        }
    }

    /// The answer of a tool.
    pub fn ask(&self, tool: &Arc<dyn CapsuleTool>, arguments: Value) -> String {
        let (tool, context) = (Arc::clone(tool), Arc::clone(&self.tool_context));
        let call = async move { tool.execute(arguments, &context).await };
        self.runtime.block_on(self.runtime.spawn(call)).expect("a call").expect("an answer")
    }

    /// Calls a tool `count` times from a task, as the reference's own programs do, and checks how long its answers are; gives the
    /// time of the calls alone.
    pub fn call(&self, capsule: &dyn Capsule, tool: &str, arguments: &Value, answer_len: usize, count: u64) -> Duration {
        let tool = capsule.tools().iter().find(|one| one.name() == tool).expect("a tool of that name");
        let (tool, arguments, context) = (Arc::clone(tool), arguments.clone(), Arc::clone(&self.tool_context));
        let calls = async move {
            let mut took = Duration::ZERO;
            for _ in 0..count {
                let arguments = arguments.clone();
                let begin = Instant::now();
                let answer = tool.execute(arguments, &context).await;
                took += begin.elapsed();
                assert_eq!(answer.expect("an answer").len(), answer_len);
            }
            took
        };
        self.runtime.block_on(self.runtime.spawn(calls)).expect("good calls")
    }
}

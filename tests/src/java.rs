//! The machine that Apache Kafka runs on: its program, and the jars that Maven resolves.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{Unavailable, on_path, process::Program, root};

const WHAT: &str = "Apache Kafka";
/// Resolving downloads 45 MB the first time.
const RESOLVE_DEADLINE: Duration = Duration::from_secs(600);
/// Quick to start rather than quick for hours: one compiler tier, one collector thread, a small heap.
const JVM: [&str; 5] = [
    "-Xms96m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
];

#[derive(Clone)]
pub(crate) struct Java {
    program: PathBuf,
    classpath: String,
}

impl Java {
    pub(crate) async fn find() -> Result<Self, Unavailable> {
        let program = on_path("java").ok_or_else(|| Unavailable::new(WHAT, "java is not installed"))?;
        static CLASSPATH: OnceCell<Result<String, Unavailable>> = OnceCell::const_new();
        let classpath = CLASSPATH.get_or_init(resolve).await.clone()?;
        Ok(Self { program, classpath })
    }

    pub(crate) fn program(&self, name: &'static str, folder: &Path, main_class: &str) -> Program {
        self.program_with(name, folder, &[], main_class)
    }

    pub(crate) fn program_with(
        &self,
        name: &'static str,
        folder: &Path,
        options: &[String],
        main_class: &str,
    ) -> Program {
        let logging = root().join("tests/kafka/log4j2.properties");
        Program::new(name, folder, &self.program)
            .args(JVM)
            .args([format!("-Dlog4j2.configurationFile={}", logging.display())])
            .args(options)
            .args(["-cp", &self.classpath, main_class])
    }
}

/// The classpath of a broker and of a Connect worker. Kept under `target/` beside the `pom.xml` it came from, so that Maven runs only when that
/// has changed or a jar is gone.
async fn resolve() -> Result<String, Unavailable> {
    resolve_classpath()
        .await
        .map_err(|error| Unavailable::new(WHAT, format!("{error:#}")))
}

async fn resolve_classpath() -> Result<String> {
    let pom = std::fs::read_to_string(root().join("tests/kafka/pom.xml"))?;
    let kept = root().join("target/kafka");
    std::fs::create_dir_all(&kept)?;
    let kept = kept.canonicalize()?;
    let (kept_pom, kept_classpath) = (kept.join("pom.xml"), kept.join("classpath.txt"));
    if std::fs::read_to_string(&kept_pom).is_ok_and(|found| found == pom)
        && let Ok(classpath) = std::fs::read_to_string(&kept_classpath)
        && classpath.split(':').all(|jar| Path::new(jar).is_file())
    {
        return Ok(classpath);
    }
    let maven = on_path("mvn").context("Maven, which resolves its jars, is not installed")?;
    let folder = TempDir::with_prefix("tailrace-maven-")?;
    Program::new("maven", folder.path(), maven)
        .args(["-q", "-B", "-f"])
        .args([root().join("tests/kafka/pom.xml")])
        .args([
            "dependency:build-classpath".to_owned(),
            format!("-Dmdep.outputFile={}", kept_classpath.display()),
        ])
        .run(RESOLVE_DEADLINE)
        .await?;
    std::fs::write(&kept_pom, pom)?;
    Ok(std::fs::read_to_string(&kept_classpath)?)
}

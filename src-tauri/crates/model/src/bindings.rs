//! The TypeScript twin of [`crate::api`] and the list of commands: one generated file.

use std::{
    any::TypeId,
    collections::{BTreeMap, HashSet},
};

use ts_rs::{Config, TS, TypeVisitor};

use crate::api::*;

const HEADER: &str = "// Generated from the Rust types by `make bindings`. Do not edit.\n\n";

/// Collects the declaration of every type that a command mentions.
struct Declarations {
    config: Config,
    found: BTreeMap<String, String>,
    seen: HashSet<TypeId>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.add::<T>();
    }
}

impl Declarations {
    fn add<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        // Only types that derive `TS` have a declaration of their own.
        if T::output_path().is_some() {
            let name = T::ident(&self.config);
            let docs = T::docs().unwrap_or_default();
            self.found
                .insert(name, format!("{docs}export {}\n", T::decl(&self.config)));
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

macro_rules! collect_commands {
    ($($name:ident($request:ty) -> $response:ty;)*) => {
        fn collect(declarations: &mut Declarations) -> Vec<(&'static str, String, String)> {
            let mut commands = Vec::new();
            $(
                declarations.add::<$request>();
                declarations.add::<$response>();
                let config = &declarations.config;
                commands.push((stringify!($name), <$request>::name(config), <$response>::name(config)));
            )*
            commands
        }
    };
}
crate::for_each_command!(collect_commands);

/// The text of `ui/src/bindings/index.ts`.
pub fn typescript() -> String {
    let mut declarations = Declarations {
        config: Config::new().with_large_int("number"),
        found: BTreeMap::new(),
        seen: HashSet::new(),
    };
    let commands = collect(&mut declarations);
    declarations.add::<Revision>();
    declarations.add::<Topic>();
    declarations.add::<crate::Error>();
    let mut text = HEADER.to_owned();
    for declaration in declarations.found.values() {
        text.push_str(declaration);
        text.push('\n');
    }
    text.push_str("/** Every command: its request and its response. */\nexport interface Commands {\n");
    for (name, request, response) in commands {
        text.push_str(&format!(
            "  {name}: {{ request: {request}; response: {response} }};\n"
        ));
    }
    text.push_str("}\n");
    text
}

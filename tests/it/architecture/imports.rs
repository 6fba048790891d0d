//! Which module of `src` imports which, read from the source as it stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Item, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// A module's path below the crate's root: `["predict", "remote"]`.
pub type ModulePath = Vec<String>;

/// Every file of `src`, by the module it is, with what it imports outside of tests.
pub struct Source {
    modules: BTreeMap<ModulePath, Module>,
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    /// Paths from the crate's root of whatever the file names, the name last.
    uses: BTreeSet<ModulePath>,
    /// What it hands on under a name of its own: name to path from the crate's root.
    reexports: BTreeMap<String, ModulePath>,
    /// Its children that are compiled for tests alone.
    tests: BTreeSet<String>,
}

impl Source {
    /// Reads all of a folder.
    pub fn read(src: &Path) -> Self {
        let mut modules = BTreeMap::new();
        for file in files(src) {
            let path = module_path(src, &file);
            let text = fs::read_to_string(&file).unwrap();
            let syntax = syn::parse_file(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut reader = Reader {
                at: path.clone(),
                module: Module {
                    file,
                    ..Module::default()
                },
            };
            reader.visit_file(&syntax);
            modules.insert(path, reader.module);
        }
        let of_tests: Vec<ModulePath> = modules
            .iter()
            .flat_map(|(path, module)| {
                let child = |name: &String| [path.as_slice(), std::slice::from_ref(name)].concat();
                module.tests.iter().map(child)
            })
            .collect();
        modules.retain(|path, _| !of_tests.iter().any(|tests| path.starts_with(tests)));
        Self { modules }
    }

    /// The folders and files right below `src`.
    pub fn rooms(&self) -> BTreeSet<&str> {
        let rooms = self.modules.keys().filter(|path| path.len() == 1);
        rooms.map(|path| path[0].as_str()).collect()
    }

    /// For each room the other rooms that it imports, each with a file that does.
    pub fn rooms_imported(&self) -> BTreeMap<&str, BTreeMap<&str, &Path>> {
        let rooms = self.rooms();
        let mut imported: BTreeMap<&str, BTreeMap<&str, &Path>> = BTreeMap::new();
        for (path, module) in &self.modules {
            let Some(own) = path.first() else { continue };
            let others = imported.entry(own).or_default();
            for used in &module.uses {
                match used.first().and_then(|room| rooms.get(room.as_str())) {
                    Some(&room) if room != own => {
                        others.entry(room).or_insert(&module.file);
                    }
                    _ => {}
                }
            }
        }
        imported
    }

    /// Pairs of files that import each other, what one hands on counted as an import of its origin.
    pub fn mutual(&self) -> Vec<(&Path, &Path)> {
        let edges: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = self
            .modules
            .iter()
            .map(|(path, module)| {
                let targets = module.uses.iter().filter_map(|used| self.origin(used));
                (path, targets.filter(|&target| target != path).collect())
            })
            .collect();
        let mut pairs = Vec::new();
        for (&a, targets) in &edges {
            for &b in targets.iter().filter(|&&b| a < b) {
                if edges[b].contains(a) {
                    pairs.push((&*self.modules[a].file, &*self.modules[b].file));
                }
            }
        }
        pairs
    }

    /// The module that defines what a path names.
    fn origin(&self, used: &ModulePath) -> Option<&ModulePath> {
        let mut used = used.clone();
        // A name may be handed on more than once.
        for _ in 0..8 {
            let depth = (0..=used.len())
                .rev()
                .find(|&depth| self.modules.contains_key(&used[..depth]))?;
            let (path, module) = self.modules.get_key_value(&used[..depth])?;
            match used.get(depth).and_then(|name| module.reexports.get(name)) {
                Some(origin) => used = [origin.as_slice(), &used[depth + 1..]].concat(),
                None => return Some(path),
            }
        }
        None
    }
}

struct Reader {
    at: ModulePath,
    module: Module,
}

impl Reader {
    /// A path from the crate's root, if it is one of ours.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.at.clone(),
            "super" => self.at[..self.at.len().checked_sub(1)?].to_vec(),
            // A child, as `pub use child::Name` has it.
            _ => [self.at.as_slice(), std::slice::from_ref(first)].concat(),
        };
        for part in rest {
            match part.as_str() {
                "super" => drop(base.pop()),
                _ => base.push(part.clone()),
            }
        }
        Some(base)
    }

    fn take(&mut self, path: &[String]) {
        let is_ours = matches!(path[0].as_str(), "crate" | "self" | "super");
        if is_ours && let Some(path) = self.absolute(path) {
            self.module.uses.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        } else if let Item::Mod(ItemMod { ident, .. }) = item {
            self.module.tests.insert(ident.to_string());
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.at.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.at.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        for (path, name) in leaves {
            if is_public && let Some(origin) = self.absolute(&path) {
                self.module.reexports.insert(name, origin);
            } else {
                self.take(&path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if parts.len() > 1 {
            self.take(&parts);
        }
        visit::visit_path(self, path);
    }
}

/// The paths of a `use`, each with the name that it gets.
fn flatten(tree: &UseTree, prefix: &mut ModulePath, leaves: &mut Vec<(ModulePath, String)>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            let own = prefix.last().cloned().unwrap_or_default();
            leaves.push((prefix.clone(), own));
        }
        UseTree::Name(name) => {
            let path = [prefix.as_slice(), &[name.ident.to_string()]].concat();
            leaves.push((path, name.ident.to_string()));
        }
        UseTree::Rename(rename) => {
            let path = [prefix.as_slice(), &[rename.ident.to_string()]].concat();
            leaves.push((path, rename.rename.to_string()));
        }
        UseTree::Glob(_) => leaves.push((prefix.clone(), "*".to_owned())),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, leaves);
            }
        }
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("test")
        || (attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|what| what.is_ident("test")))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn module_path(src: &Path, file: &Path) -> ModulePath {
    let inside = file.strip_prefix(src).unwrap().with_extension("");
    let mut path: ModulePath = inside
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if matches!(
        path.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        path.pop();
    }
    path
}

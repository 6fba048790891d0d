//! Which imagery other programs can open by the name that a run keeps of it.

/// Whether other programs can open the run's imagery: a tile server, and no key is hidden.
pub(super) fn is_open_tile_server(name: &str) -> bool {
    let open = name.starts_with("http") && !name.contains("***") && !name.contains("{env:");
    open && name.contains("{x}") && !name.contains("{q}")
}

//! Build script of every crate whose programs or tests load libduckdb.so: records where it lies,
//! so that they start without LD_LIBRARY_PATH. `$ORIGIN/../lib/hale` is where a package puts it.

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if let Some(dir) = std::env::var_os("DUCKDB_LIB_DIR")
        && let Ok(dir) = std::fs::canonicalize(dir)
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", dir.display());
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/hale");
}

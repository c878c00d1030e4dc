//! How the module is linked.

fn main() {
    // libpam unloads modules at pam_end; what std left behind in thread-local storage must still have its code then.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
    println!("cargo:rerun-if-changed=build.rs");
}

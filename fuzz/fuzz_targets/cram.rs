#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(init: {
    // The reader catches the panics of the library that decodes records; libFuzzer's hook would end
    // the process first. A panic that the reader does not catch still does.
    std::panic::set_hook(Box::new(|_| {}));
}, |bytes: &[u8]| targets::cram(bytes));

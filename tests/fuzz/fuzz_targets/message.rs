#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some(run) = fuzz_targets::target("message") {
        run(data);
    }
});

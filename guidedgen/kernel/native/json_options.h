// How the JSON texts of a schema are written, and what a caller holds short of what the schema leaves endless. No behaviour.
#pragma once

namespace guidedgen {

struct JsonOptions {
    bool any_order = false;
    int64_t proof_steps = 20'000;   // of one search for a way to complete an object or array
    int whitespace = 0;        // 0: compact, 1: flexible, 2: indented
    int indent = 2;
    bool canonical = false;    // numbers as Python types want them: integers are digits only, exponents have two digits at most
    bool all_containers = false;   // registers know of every container, not only of those that they keep something of
    // The most of something; -1: any number. A bound below what the schema needs gives way to it.
    int max_whitespace = -1;   // bytes of one run, flexible only
    int max_string = -1;       // characters of a string without maxLength
    int max_digits = -1;       // digits of a number
    int max_items = -1;        // items of an array without maxItems
};

}  // namespace guidedgen

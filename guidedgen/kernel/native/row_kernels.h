// What a forward over rows is made of: products with packed matrices, norms, rotations, attention over slots. One table of functions
// for each kind of processor; `row_kernels()` gives that of this one. No function looks at more than its own rows in another order:
// what comes out for a row is the same, bit for bit, whatever else is computed beside it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "row_choice.h"

namespace guidedgen {

enum class Format : int { Float32, Bfloat16, Int8, Int4 };

constexpr int64_t PANEL = 16;  // outputs whose weights lie side by side
constexpr int64_t GROUP = 32;  // inputs that share a scale; widths are rounded up to it

// A matrix [outputs, inputs] as the products read it: panel by panel, and in a panel input by input.
struct MatrixView {
    Format format;
    int64_t outputs;
    int64_t width;           // inputs, rounded up to whole groups
    const uint8_t* codes;    // Float32: 16 numbers for each input; Bfloat16: 16 x 2; Int8: 16 x 4 of code + 128; Int4: 16 x 8
    const uint16_t* scales;  // Int8: 16 halves for each group; Int4: 16 scales and 16 offsets
    const float* bias;       // [outputs rounded up to whole panels], or null

    int64_t panels() const { return (outputs + PANEL - 1) / PANEL; }
    int64_t groups() const { return width / GROUP; }
};

// Rows as a product reads them: in the matrix's number format, or as codes of eight bits with one scale for each row and group.
struct RowsView {
    uint8_t* data;   // [rows, width] float, bfloat16 or int8
    float* scales;   // [rows, groups]
    float* sums;     // [rows, groups]: of the codes, scaled
    int32_t* shift;  // [rows, groups]: what codes + 128 of a matrix add too much, negated
};

constexpr int64_t MOST_QUERIES = 64;  // rows times heads in one call of `attend`

// Queries of consecutive rows that share a key head, and the slots that they see: all rows `context`, and each its own.
struct Attention {
    int64_t rows, heads, dim;
    const float* query;        // [rows][heads][dim], rows `query_stride` apart
    int64_t query_stride;
    const void* keys;          // slot 0 of this key head, bfloat16 (`brief`) or float
    const void* values;
    int64_t slot_stride;       // numbers from a slot to the next
    bool brief;
    const int64_t* context;
    int64_t contexts;
    const int64_t* own;        // slots of row r: own[own_first[r]] to own[own_first[r + 1] - 1]
    const int64_t* own_first;  // [rows + 1]
    float scale;
    float* scores;             // [rows * heads][room]
    int64_t room;              // at least what a row sees
    float* out;                // [rows][heads][dim], rows `out_stride` apart
    int64_t out_stride;
};

struct RowKernels {
    const char* name;
    // One row of `inputs` numbers into row `row` of a view for matrices of this format.
    void (*prepare)(Format format, const float* from, int64_t inputs, int64_t width, const RowsView& to, int64_t row);
    // Panels [first, last) of all rows: out[row * stride + output] = or += product (+ bias).
    void (*multiply)(const MatrixView& matrix, const RowsView& rows, int64_t count, int64_t first, int64_t last, float* out, int64_t stride,
                     bool add);
    void (*norm)(const float* from, const float* weight, int64_t count, float epsilon, float* to);
    // Rotary embedding of `heads` heads in place; `sines` with the first half negated.
    void (*rotate)(float* heads, int64_t count, int64_t dim, const float* cosines, const float* sines);
    void (*keep)(const float* from, void* to, int64_t count, bool brief);
    void (*attend)(const Attention& what);
    void (*gate)(const float* gate_up, int64_t count, float* to);  // silu(gate) * up
    RowSums (*judge)(const MaskedRow& row);
    // A token from the allowed ones: temperature, top-k, top-p and min-p in this order, then inversion of a number in [0, 1).
    Drawn (*draw)(const MaskedRow& row, const RowSums& sums, const ChoiceCuts& cuts, double uniform, const ChoiceRoom& room);
};

// The best table that this processor can run, or the one of that name; null where it cannot.
const RowKernels* row_kernels(const std::string& name = "");

// Names of the tables that this processor can run, best first.
std::vector<std::string> row_kernel_names();

}  // namespace guidedgen

"""Verilog texts, right and wrong; Icarus Verilog decides."""

# ruff: noqa: E501  # texts are easier to read in one line

TEXTS = [
    "`timescale 1ns/1ps\nmodule m #(parameter W = 8) (input clk, input [W-1:0] d, output reg [W-1:0] q); // x\n"
    "  always @(posedge clk or negedge r) if (!r) q <= #1 8'h0; else begin : b q <= {d[6:0], ^d}; end\nendmodule\n",
    "module t (a, b); input a; output b; wire [3:0] w, v; assign w = a ? 4'b01xz : {2{a, b}}, v = ~&w == 3;\n"
    '  m #(.W(4)) i (.clk(a), .d(), .q(w[3:0])), j (a, b); and g (b, a, w[1]); initial $display("%d\\n", $time);\n'
    "endmodule",
    "module f; function [7:0] g; input [7:0] x; g = x + 1; endfunction task h; input y; begin end endtask integer k;\n"
    "  initial begin for (k = 0; k < 4; k = k + 1) case (k) 0, 1: h(k); default ; endcase forever #5 k = g(k); end\n"
    "  genvar n; generate for (n = 0; n < 2; n = n + 1) begin : l wire z; end if (1) wire y; endgenerate endmodule",
    "(* a, b = 1 *) module \\m.1 (input \\$x );\n (* c *) wire w;\n"
    ' always @(*) (* d = "e" *) (* f *) w = \\$x ; endmodule',
    "module k #(parameter real P = 1.5, parameter integer Q = 8'h ff) (output reg r); localparam time T = 3;\n"
    "  function integer f; input integer x; f = x; endfunction\n"
    "  generate case (Q) 1, 2: assign r = 1; 3: begin : l (* a *) wire z; end default: ; endcase endgenerate endmodule",
    "`timescale 1ps/1ps\nmodule m; endmodule",
    "",
    "module m; initial a <= b <= c; endmodule",
    "module m; assign a = b < +c - -d & &e + +f; endmodule",
    "module m; always @* ; initial begin ; end endmodule",
    "module m; // a\r\nendmodule",
    "module m; specify (a => b) = 1; (c[0], d[3:0] -*> e) = (1:2:3, 4); if (f) (posedge a => (b +: c ^ d)) = (1, 2, 3);\n"
    "  ifnone (a => b) = x; specparam [1:0] x = 1, y = 1:2:3; $setup(a, posedge c &&& d == 1, 5, n); $width(negedge a, 1);\n"
    "  $setuphold(posedge a &&& b, c[1:0], 1:2:3, -1,); $period(posedge a, y, n); endspecify specparam z = 1; endmodule",
    "`ifdef A\nmodule m; endmodule\n`elsif B\n`timescale 1ns/1ps\n`else module n; endmodule\n`endif\n"
    "`ifndef C (* c *) `endif module p; `ifdef D wire e; `endif initial begin `ifdef D e = 1; `else `endif end\n"
    "generate `ifdef A wire f; `endif endgenerate specify `ifdef B (a => b) = 1; `endif endspecify endmodule",
    "`default_nettype none // a\n`timescale 1ns / 1ps\n\nmodule m; endmodule\n  `resetall\n`celldefine\nmodule n; endmodule\n"
    '`endcelldefine\n`include "a.v"\nmodule o;\n  `include "b.v" // c\nendmodule',
    "module m (a, .b(c), {d, e[1:0]}, .f({g, h})); bufif0 #(1, 2, 3) i[3:0] (j, k, l), (j, k, l); and #(1, 2) n(o, p, q);\n"
    '  output reg a = 1, c; output integer d = 2; initial $display("\\$ \\q \\101", , a,); endmodule',
    "module m (output reg a = 1, input b, output reg [1:0] c = 2, output time d = 3); endmodule",
]

WRONG = [
    "module m; wire (* a *) w; endmodule",
    "module \\; endmodule",
    "module",
    "module m; assign a = ; endmodule",
    "module m; wire wire; endmodule",
    "module m; always begin endmodule",
    "module m; assign a = 1 +; endmodule",
    "module m endmodule",
    "module m; assign a = 4'b012; endmodule",
    "module m; assign a = b <+ c; endmodule",
    "module m; assign a = b++c; endmodule",
    "module m; assign a = b--c; endmodule",
    "module m; assign a = b&&&c; endmodule",
    "module m; always; endmodule",
    "module m; initial; endmodule",
    "// a\rb",
    "module m (a[1 +: 2]); endmodule",
    "module m; always (* a *) @(b) c = 1; endmodule",
    "module m; initial (* a *) b = 1; endmodule",
    "module m; wire \\`a ; endmodule",
    "module m; specify (a => b) = 1 + 2; endspecify endmodule",
    "module m; specify (a, b => c) = 1 2; endspecify endmodule",
    "module m; specify (a => (b - : c)) = 1; endspecify endmodule",
    "module m; specify $hold(a, b); endspecify endmodule",
    "module m; specify $setup(a + 1, b, 1); endspecify endmodule",
    "module m; specify ; endspecify endmodule",
    "module m; initial $setup(a); endmodule",
    "module m; nmos a(b, c); endmodule 1",
    "module m(, .a()); endmodule",
    "`ifdef A\nmodule m; endmodule",
    "`endif\n",
    "`ifdef 1\n`endif\n",
    "`ifdef\nA\n`endif\n",
    "`ifdef/**/A\n`endif\n",
    "`ifdef A\n`endifmodule m; endmodule",
    "`ifdef A\n(* a *)\n`endif\n",
    "module m; `ifdef A assign a = `endif 1; endmodule",
    "/* */ `timescale 1ns/1ps\nmodule m; endmodule",
    "module m; endmodule `timescale 1ns/1ps\n",
    "module m;\n`timescale 1ns/1ps\nendmodule",
    "`timescale 1ns/1ps /* */\nmodule m; endmodule",
    "`timescale 1ns/1ps module m; endmodule",
    "`celldefine`celldefine\n",
    "`default_nettype supply0\nmodule m; endmodule",
    "`default_nettype none// a\nmodule m; endmodule",
]

# What the grammar leaves out of the language.
LEFT_OUT = [
    "module m; wire \\a`b ; endmodule",
    "module m; initial fork join endmodule",
    "module m; // a\rendmodule",
    "`define a 1\nmodule m; endmodule",
    "`define a 1\nmodule m; wire b = `a; endmodule",
    "module m;\n`celldefine\nendmodule",
    '`ifdef A\nmodule m; initial $display("`"); endmodule\n`endif\n',
    "module m(output a = 1); endmodule",
    'module m; $attribute(a, "b", "c"); endmodule',
    "module m; pullup (a); tran (b, c); endmodule",
    "module m; initial if (a) begin `ifdef B end else begin `endif end endmodule",
]

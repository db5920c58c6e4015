import java.io.DataInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import javax.tools.Diagnostic;
import com.sun.source.util.JavacTask;

/**
 * Reads texts, each behind its length in bytes (four bytes; -1 ends), and writes a line about each: what javac's parser says, with the
 * place of each error in characters.
 */
class JavaParse {
    private static final class Text extends SimpleJavaFileObject {
        private final String text;

        Text(String text) {
            super(URI.create("string:///Text.java"), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreErrors) {
            return text;
        }
    }

    public static void main(String[] arguments) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        DataInputStream input = new DataInputStream(System.in);
        for (int length = input.readInt(); length >= 0; length = input.readInt()) {
            String text = new String(input.readNBytes(length), StandardCharsets.UTF_8);
            DiagnosticCollector<JavaFileObject> said = new DiagnosticCollector<>();
            JavacTask task = (JavacTask) compiler.getTask(null, null, said, List.of("-proc:none"), null, List.of(new Text(text)));
            task.parse();
            String errors = "";
            for (Diagnostic<? extends JavaFileObject> one : said.getDiagnostics()) {
                if (one.getKind() == Diagnostic.Kind.ERROR) {
                    int place = Math.max(0, (int) one.getPosition());
                    errors += text.codePointCount(0, place) + " " + one.getCode() + "; ";
                }
            }
            System.out.println(errors);
            System.out.flush();
        }
    }
}

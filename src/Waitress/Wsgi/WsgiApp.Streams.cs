using Microsoft.Win32.SafeHandles;
using Waitress.CPython;
using Waitress.Http;

namespace Waitress.Wsgi;

/// <summary>wsgi.input and wsgi.file_wrapper: Python's own io objects over what the engine holds.</summary>
internal sealed partial class WsgiApp
{
    private PyNew OpenInput(Exchange exchange)
    {
        if (!_settings.Asynchronous && exchange.HasBody)
        {
            using var read = new ReadInto(exchange, _settings).ToPython(_python.Interpreter.CallableType.Ref);
            return read.IsNull ? default : PyObjects.Call(_python.BodyStream.Ref, read);
        }

        if (exchange.Body.File is { } file)
        {
            using var descriptor = PyNumbers.From(file.DangerousGetHandle());
            return PyObjects.Call(_python.BodyFile.Ref, descriptor);
        }

        if (exchange.Body.Length == 0)
            return PyObjects.Call(_python.BytesIO.Ref);
        using var bytes = PyBytes.From(exchange.Body.Memory);
        return bytes.IsNull ? default : PyObjects.Call(_python.BytesIO.Ref, bytes);
    }

    // A file that is left to the garbage collector would be reported by Python (ResourceWarning); memory need not be closed.
    private void CloseInput(Exchange exchange, PyRef input)
    {
        if (input.IsNull || exchange.Body.File is null)
            return;
        using var close = PyObjects.FindAttribute(input, _environs.Keys.Close.Ref);
        using var closed = close.IsNull ? default : PyObjects.Call(close);
        PythonError.Clear();
    }

    /// <summary>
    /// Sends a real file without Python: from its position to its end, as many bytes as the app announced, or all (Waitress
    /// corrects a larger announcement to the real size). Anything else is iterated.
    /// </summary>
    private BodyPort.Outcome AnswerFile(Exchange exchange, BodyPort port, PyRef wrapper)
    {
        using var found = PyObjects.Call(_python.DirectFile.Ref, wrapper);
        if (found.IsNull)
            return BodyPort.Outcome.Failed;
        var response = exchange.Response;
        if (found.Borrow().IsNone || !response.Started || response.Committed)
            return Iterate(exchange, port, wrapper);
        using var descriptor = PySequences.Item(found, 0);
        using var offset = PySequences.Item(found, 1);
        using var size = PySequences.Item(found, 2);
        var length = PyNumbers.ToInt64(size);
        if (response.Declared is null || response.Declared > length)
            response.Declare(length);
        var handle = PyNumbers.ToInt64(descriptor);
        if (handle < 0 || length == 0)
            return Iterate(exchange, port, wrapper);
        response.SendFile(new SafeFileHandle((nint)handle, ownsHandle: true), PyNumbers.ToInt64(offset));
        return BodyPort.Outcome.Sent;
    }
}

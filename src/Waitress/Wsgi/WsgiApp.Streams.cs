using Microsoft.Win32.SafeHandles;
using Waitress.CPython;

namespace Waitress.Wsgi;

/// <summary>wsgi.input and wsgi.file_wrapper: Python's own io objects over what the engine holds.</summary>
internal sealed partial class WsgiApp
{
    private PyNew OpenInput(AppCall call)
    {
        var exchange = call.Exchange;
        if (!_settings.Asynchronous && exchange.HasBody)
        {
            using var read = new ReadInto(call, _settings).ToPython(_python.Interpreter.CallableType.Ref);
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
    private void CloseInput(PyRef input)
    {
        if (input.IsNull)
            return;
        using var close = PyObjects.FindAttribute(input, _environs.Keys.Close.Ref);
        using var closed = close.IsNull ? default : PyObjects.Call(close);
        PythonError.Clear();
    }

    /// <summary>
    /// Sends a real file without Python: from its position to its end, as many bytes as the app announced, or all (Waitress
    /// corrects a larger announcement to the real size). Anything else is iterated.
    /// </summary>
    private BodyPort.Outcome AnswerFile(AppCall call, BodyPort port, PyRef wrapper)
    {
        using var found = PyObjects.Call(_python.DirectFile.Ref, wrapper);
        if (found.IsNull)
            return BodyPort.Outcome.Failed;
        if (found.Borrow().IsNone || !TrySendFile(call, found))
            return Iterate(call, port, wrapper);
        return BodyPort.Outcome.Sent;
    }

    private static bool TrySendFile(AppCall call, PyRef found)
    {
        using var descriptor = PySequences.Item(found, 0);
        using var offset = PySequences.Item(found, 1);
        using var size = PySequences.Item(found, 2);
        var length = PyNumbers.ToInt64(size);
        var handle = PyNumbers.ToInt64(descriptor);
        using var file = handle < 0 ? null : new SafeFileHandle((nint)handle, ownsHandle: true);
        using var scope = call.Enter();
        if (!scope.Entered || call.Exchange.Response is not { Started: true, Committed: false } response)
            return false;
        if (response.Declared is null || response.Declared > length)
            response.Declare(length);
        if (handle < 0 || length == 0)
            return false;
        response.SendFile(new SafeFileHandle(file!.DangerousGetHandle(), ownsHandle: true), PyNumbers.ToInt64(offset));
        file.SetHandleAsInvalid();
        return true;
    }
}
